# A function of two numbers.
x in R^2
f = exp(x[1]*x[2]^2)
