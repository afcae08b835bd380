# A symmetric, a diagonal, a triangular and an orthogonal variable: entries free, and entries tied to each other.
# run: matgrad diff FILE --of likelihood --wrt S
# run: matgrad diff FILE --of likelihood --wrt S --convention constrained
# run: matgrad diff FILE --of likelihood --wrt S --order 2 --convention constrained
# run: matgrad diff FILE --of congruence --wrt S --layout jacobian --convention constrained
# run: matgrad diff FILE --of factor --wrt S --layout jacobian --convention constrained
# run: matgrad diff FILE --of fit --wrt L --convention constrained
# run: matgrad diff FILE --of procrustes --wrt Q --layout gradient --convention constrained
S in R^(n x n) pd
L in R^(n x n) lower
Q in R^(n x n) orthogonal
x in R^n
A, B in R^(n x n)
likelihood = -logdet(S)/2 - x'*inv(S)*x/2
congruence = A*S*A'
factor = chol(S)
fit = norm(A - L*L')^2
procrustes = norm(A*Q - B)^2
