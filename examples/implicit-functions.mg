# A function given by an equation, two that are given by each other, and a matrix given by a Lyapunov equation.
# run: matgrad diff FILE
x, y in R
define z by z^3 + x*z + y = 0
diff z wrt x
diff z wrt y
hessian z wrt x
define u by u^3 + u = x*v
define v by v + sin(v) = u + y
diff u*v wrt x
A, P, Q in R^(n x n)
define P by A*P + P*A' = Q
grad tr(P) wrt Q
