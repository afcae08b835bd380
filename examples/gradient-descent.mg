# Gradient descent on least squares is a recurrence, and can be differentiated: by the step size (a hypergradient), by
# where it starts, and by the data.
# run: matgrad diff FILE

A in R^(m x n)
b in R^m
x0 in R^n
eta in R
T in R^K

descend(x, t) = x - eta*A'*(A*x - b)
x = fold(descend, x0, T)
L = norm(A*x - b)^2

jacobian x wrt x0
diff L wrt eta
grad L wrt x0
grad L wrt b
grad L wrt A
