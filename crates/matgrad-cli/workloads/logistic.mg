# Logistic regression, labels -1 and 1.
X in R^(m x n)
y in R^m
w in R^n
f = sum(log(exp(-y .* (X*w)) + 1))
