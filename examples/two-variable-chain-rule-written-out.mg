# The chain rule for z = f(u, v) with functions that are known.
# run: matgrad diff FILE

x in R
y in R
u = x^2*y
v = sin(x + y)
z = exp(u*v)

diff z wrt x, y
