# h(t) = exp(x1*x2^2) along the curve x = (t cos t, t sin t): the outer derivative, the inner one, and their product.
# run: matgrad diff FILE

t in R
f(x) = exp(x[1]*x[2]^2)
g(t) = [t*cos(t), t*sin(t)]
h = f(g(t))

u in R^2
diff exp(u[1]*u[2]^2) wrt u
diff [t*cos(t), t*sin(t)] wrt t
diff h wrt t

# the same without functions
x = [t*cos(t), t*sin(t)]
check exp(x[1]*x[2]^2) wrt t is exp(t^3*cos(t)*sin(t)^2)*(t^2*sin(t)^2*(cos(t) - t*sin(t)) + 2*t^2*cos(t)*sin(t)*(sin(t) + t*cos(t)))
