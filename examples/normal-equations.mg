# Stationary points in closed form: least squares, ridge, weighted, and with a linear constraint.
# run: matgrad diff FILE
y, w in R^N
Phi in R^(N x D)
theta, b in R^D
lambda in R
solve grad norm(y - Phi*theta)^2 wrt theta = 0
solve grad norm(y - Phi*theta)^2 + lambda*norm(theta)^2 wrt theta = 0
solve grad (y - Phi*theta)'*diag(w)*(y - Phi*theta) wrt theta = 0
H in R^(D x D) symmetric
C in R^(k x D)
d, nu in R^k
L = theta'*H*theta/2 - b'*theta + nu'*(C*theta - d)
solve grad L wrt theta, nu = 0
