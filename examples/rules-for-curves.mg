# The rules for vector functions of a scalar, with functions whose values nobody knows.
# run: matgrad diff FILE

t in R
c in R
r : R -> R^3
u : R -> R^3
f : R -> R

diff c*r(t) wrt t                # a constant factor
diff r(t) + u(t) wrt t           # sums
diff r(t) - u(t) wrt t
diff f(t)*u(t) wrt t             # a scalar times a vector
diff dot(r(t), u(t)) wrt t       # the dot product
diff cross(r(t), u(t)) wrt t     # the cross product
diff r(f(t)) wrt t               # the chain rule
diff dot(r(t), r(t)) wrt t       # 0 for curves of constant length
