# The tridiagonal system of Broyden, 0 outside.
x in R^n
z = [0; x; 0]
F[i:n] = (3 - 2*x[i])*x[i] - z[i] - 2*z[i+2] + 1
