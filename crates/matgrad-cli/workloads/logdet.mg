# The logarithm of a determinant; X is positive definite, its derivative is taken entry by entry.
X in R^(n x n) pd
f = logdet(X)
