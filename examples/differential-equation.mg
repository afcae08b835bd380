# A force that pulls towards the origin keeps the angular momentum: its derivative is 0.
# run: matgrad diff FILE
r : R -> R^3
k : R -> R
t in R
assume r''(t) = k(t)*r(t)

L = cross(r(t), r'(t))
diff L wrt t
check L wrt t is zeros(3)
