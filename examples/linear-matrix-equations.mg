# Linear equations for a matrix: without vec where one factor stands on each side, by vec otherwise.
# run: matgrad diff FILE
A in R^(m x m)
B in R^(n x n)
C, X in R^(m x n)
solve A*X*B = C for X
solve A*X + X*B = C for X
Q, Y in R^(m x m)
solve Y - A*Y*A' = Q for Y
