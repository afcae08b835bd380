# The chained Rosenbrock function.
x in R^n
f = sum[i:n-1](100*(x[i+1] - x[i]^2)^2 + (1 - x[i])^2)
