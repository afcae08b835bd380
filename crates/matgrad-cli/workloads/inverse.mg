# An inner product with an inverse.
X, C in R^(n x n)
f = tr(C'*inv(X))
