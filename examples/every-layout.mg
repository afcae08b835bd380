# One derivative in every layout: who prints which, and where each entry goes.
# run: matgrad layouts FILE --wrt X
# run: matgrad layouts FILE --of g --wrt x

a in R^m
b in R^n
X in R^(m x n)
x in R^n
g = X*x
f = a'*X*b
