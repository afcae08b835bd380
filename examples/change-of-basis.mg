# A linear change of variables from the basis (1,0), (0,1) to the basis (-2,1), (1,1): the Jacobian is the matrix of the
# map, and its determinant, -3, says by what factor areas grow (and that the orientation turns).
# run: matgrad diff FILE

x in R^2
J = [-2, 1; 1, 1]
y = J*x

diff y wrt x
jacdet y wrt x

# the same map in coordinates
diff [-2*x[1] + x[2], x[1] + x[2]] wrt x
check [-2*x[1] + x[2], x[1] + x[2]] wrt x is J
