# run: matgrad diff FILE
# A quadratic program with equality constraints: its solution and multipliers as functions of the data
P in R^(n x n) pd
A in R^(m x n)
c, x in R^n
b, nu in R^m
define x, nu by P*x + A'*nu = -c, A*x = b
diff x wrt b
diff x wrt c
diff nu wrt b
