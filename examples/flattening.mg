# The derivative of a matrix by a matrix has four axes. Flattened, products become Kronecker products.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt A --of S --layout tensor

A in R^(m x n)
S = A

B in R^(n x p)
C in R^(p x q)
jacobian A*B*C wrt B
