# The determinant says how volumes scale. Its derivative by X, as a matrix and as the row of all entries.
# run: matgrad diff FILE --wrt X
# run: matgrad diff FILE --wrt X --layout rowvec
# run: matgrad diff FILE --wrt X --layout differential

X in R^(n x n)
d = det(X)
