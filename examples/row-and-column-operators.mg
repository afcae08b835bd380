# One gradient, arranged as a row, a column, a matrix, its transpose, or the row of all entries.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt X --of f
# run: matgrad diff FILE --wrt X --of f --layout denominator
# run: matgrad diff FILE --wrt X --of f --layout gradient
# run: matgrad diff FILE --wrt X --of f --layout rowvec

x in R^m
diff sum(x) wrt x
diff sum(x.^3) wrt x
grad sum(x.^3) wrt x

X in R^(m x n)
f = tr(X'*X)
