# Matrix factorisation.
T in R^(m x n)
U in R^(m x k)
V in R^(n x k)
f = norm(T - U*V')^2
