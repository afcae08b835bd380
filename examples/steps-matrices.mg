# Derivations by matrices: the trace trick, and derivatives handed from each stage to the one inside it.
#
# run: matgrad diff FILE --of g --wrt X --steps --style differential
# run: matgrad diff FILE --of g --wrt X --steps
# run: matgrad diff FILE --of r --wrt X --steps --style differential
# run: matgrad diff FILE --of z --wrt b --steps --style differential
A in R^(m x n)
X in R^(m x m)
B in R^(n x n)
b, c in R^m
Z = A'*X*A
g = logdet(Z)
r = tr(X'*X*c*b')
define z by z = tanh(X*z + b)
