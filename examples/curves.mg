# Vector functions of a scalar, written out.
# run: matgrad diff FILE

t in R
c in R
diff c*[t, t^2, sin(t)] wrt t
diff exp(t)*[cos(t), sin(t), t] wrt t
diff dot([t, t^2, t^3], [1, t, exp(t)]) wrt t
diff cross([t, t^2, 1], [cos(t), sin(t), t]) wrt t

r(s) = [sin(s), cos(s), s^2]
diff r(t^2) wrt t

# a curve of constant length is orthogonal to its derivative
diff dot([cos(t), sin(t)], [cos(t), sin(t)]) wrt t

# the cross product with a fixed vector is a linear map
a in R^3
x in R^3
diff cross(a, x) wrt x
