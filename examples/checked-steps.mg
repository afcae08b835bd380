# A derivation by hand, checked line by line: a line that starts with `=` goes on from the line above.
# run: matgrad check FILE

y in R^N
Phi in R^(N x D)
theta in R^D
A in R^(D x D)

e = y - Phi*theta
L = e'*e = norm(y - Phi*theta)^2
  = y'*y - 2*y'*Phi*theta + theta'*Phi'*Phi*theta

grad L wrt theta
  = -2*Phi'*e
  = 2*Phi'*(Phi*theta - y)
  = 2*Phi'*Phi*theta - 2*Phi'*y

hessian L wrt theta
  = 2*Phi'*Phi

differential theta'*A*theta wrt theta
  = dtheta'*A*theta + theta'*A*dtheta
  = theta'*(A' + A)*dtheta
