# f = A x by the matrix A: a tensor of M x M x N numbers, most of them 0, or the flattened Jacobian x' ⊗ I.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt A --of f --layout tensor
# run: matgrad diff FILE --wrt A --of f --layout jacobian

A in R^(M x N)
x in R^N
f[i] = sum[j](A[i,j]*x[j])

# one component of f: only its row of A matters
grad (A*x)[2] wrt A
jacobian A*x wrt A
