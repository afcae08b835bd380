# z = f(u(x,y), v(x,y)): each path from z to x is a term.
# run: matgrad diff FILE

x in R
y in R
f : R^2 -> R
u : R^2 -> R
v : R^2 -> R
diff f(u(x, y), v(x, y)) wrt x
diff f(u(x, y), v(x, y)) wrt y
