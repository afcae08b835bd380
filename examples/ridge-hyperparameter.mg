# How does the validation loss of ridge regression change with the weight of the penalty? The parameters are a function
# of the weight, defined by a minimum; the derivative goes through it by the implicit function theorem.
# run: matgrad diff FILE
y in R^N
Phi in R^(N x D)
theta in R^D
lambda in R
u in R^M
V in R^(M x D)
theta = argmin[theta](norm(y - Phi*theta)^2 + lambda*norm(theta)^2)
L = norm(u - V*theta)^2
diff L wrt lambda
diff theta wrt lambda
diff theta wrt y
hessian L wrt lambda
