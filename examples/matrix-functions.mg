# Matrix functions of matrices and vectors, as flattened Jacobians and as gradient matrices (their transposes).
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt X --of T --layout gradient
# run: matgrad diff FILE --wrt X --of F --layout gradient
# run: matgrad diff FILE --wrt X --of F --layout denominator

X in R^(m x n)
A in R^(p x m)
B in R^(n x q)
x in R^m
a in R^n

T = X'
F = A*X*B

jacobian X' wrt X
jacobian A*X*B wrt X
diff A*X*B wrt X
jacobian x*a' wrt x
jacobian X*a wrt X
