# Jacobians of matrix functions by matrices, in Kronecker products, commutation, duplication and elimination matrices.
# run: matgrad diff FILE
X in R^(m x n)
Y in R^(n x n)
A in R^(p x m)
B in R^(n x q)
C in R^(n x n)
jacobian vec(A*X*B) wrt X
jacobian X'*X wrt X
jacobian X ⊗ X wrt X
jacobian Y^3 wrt Y
jacobian inv(Y) wrt Y
jacobian inv(X'*X) wrt X
hessian tr(Y^3) wrt Y
hessian logdet(Y) wrt Y
hessian tr(C*inv(Y)) wrt Y
