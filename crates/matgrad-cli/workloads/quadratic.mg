# A quadratic form.
A in R^(n x n)
x in R^n
f = x'*A*x
