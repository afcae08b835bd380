# A change of variables that is not linear: polar coordinates x = (radius, angle). The Jacobian determinant is the radius.
# run: matgrad diff FILE

x in R^2 positive
P = [cos(x[2]), -x[1]*sin(x[2]); sin(x[2]), x[1]*cos(x[2])]

diff [x[1]*cos(x[2]), x[1]*sin(x[2])] wrt x
check [x[1]*cos(x[2]), x[1]*sin(x[2])] wrt x is P
jacdet [x[1]*cos(x[2]), x[1]*sin(x[2])] wrt x

# how the determinant itself changes
j = det(P)
diff j wrt x
