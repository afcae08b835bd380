# x' A x for two coordinates, written out: the derivative is found to be the matrix form all the same.
# run: matgrad diff FILE

x in R^2
A in R^(2 x 2)
q = x[1]*A[1,1]*x[1] + x[2]*A[2,1]*x[1] + x[1]*A[1,2]*x[2] + x[2]*A[2,2]*x[2]

diff q wrt x
check q wrt x is x'*(A + A')
