# The trace of the inverse of a product.
A, X in R^(n x n)
f = tr(inv(A*X))
