# Linear least squares: the error e, the loss L, its gradient by the parameters theta and by the features Phi, its Hessian.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt theta --of L
# run: matgrad diff FILE --wrt theta --of L --layout denominator

y in R^N
Phi in R^(N x D)
theta in R^D
e = y - Phi*theta
L = norm(e)^2

# inner and outer derivative
diff y - Phi*theta wrt theta
r in R^N
diff norm(r)^2 wrt r

# the loss as a whole, and what the textbook has for it
diff L wrt theta
check L wrt theta is -2*(y - Phi*theta)'*Phi
check norm(y - Phi*theta)^2 wrt theta is -2*(y' - theta'*Phi')*Phi
check (y - Phi*theta)'*(y - Phi*theta) wrt theta is 2*theta'*Phi'*Phi - 2*y'*Phi

grad L wrt theta
grad L wrt Phi
hessian L wrt theta
