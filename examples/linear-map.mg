# f(x) = A x in every layout. By a vector, the flattened Jacobian and the tensor are A itself.
# run: matgrad diff FILE --wrt x
# run: matgrad diff FILE --wrt x --layout denominator
# run: matgrad diff FILE --wrt x --layout jacobian
# run: matgrad diff FILE --wrt x --layout gradient
# run: matgrad diff FILE --wrt x --layout tensor
# run: matgrad diff FILE --wrt x --layout differential

A in R^(M x N)
x in R^N
f = A*x
