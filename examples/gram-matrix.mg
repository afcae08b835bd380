# K = R' R by R: four indices, or the flattened Jacobian with a commutation matrix.
# run: matgrad diff FILE --wrt R --of K --layout tensor
# run: matgrad diff FILE --wrt R --of K --layout jacobian
# run: matgrad diff FILE --wrt R --of K --layout gradient
# run: matgrad diff FILE

R in R^(M x N)
K[p,q] = sum[m](R[m,p]*R[m,q])

# entries beside and on the diagonal
grad (R'*R)[1,2] wrt R
grad (R'*R)[2,2] wrt R

jacobian R'*R wrt R
check R'*R wrt R is (eye(N*N) + commutation(N,N))*(eye(N) ⊗ R')
