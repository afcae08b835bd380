# The rules for scalar functions of a matrix: constants, linearity, products, quotients, the chain rule.
# run: matgrad diff FILE

X in R^(m x n)
A in R^(m x n)
B in R^(m x n)
c in R
alpha in R
beta in R
g : R -> R

diff c wrt X
grad c wrt X
grad alpha*tr(A'*X) + beta*tr(X'*X) wrt X
grad tr(A'*X)*tr(X'*X) wrt X
grad tr(A'*X)*tr(B'*X)*sum(X) wrt X
grad tr(A'*X)/tr(X'*X) wrt X
grad exp(tr(A'*X)) wrt X
grad log(tr(X'*X)) wrt X
grad g(tr(A'*X)) wrt X
