# Scalar functions of a matrix, entry by entry.
# run: matgrad diff FILE

A in R^(n x n)
X in R^(m x n)
diff tr(A) wrt A
diff sum(X) wrt X
diff sum(X .* X) wrt X
