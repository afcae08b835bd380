# The likelihood of a linear state-space model by the Kalman filter: covariances and means are two recurrences, one after
# the other, and each observation adds its term to the negative logarithm. The inverse of the innovations' covariance is
# one for each step.
# run: matgrad diff FILE

Y in R^(N x M)
A in R^(D x D)
C in R^(M x D)
Q, P0 in R^(D x D) pd
R in R^(M x M) pd
m0 in R^D

covariance(S, y) = A*(S - S*C'*(C*S*C' + R)^-1*C*S)*A' + Q
mean(m, S, y) = A*(m + S*C'*(C*S*C' + R)^-1*(y - C*m))
term(y, m, S) = logdet(C*S*C' + R)/2 + (y - C*m)'*(C*S*C' + R)^-1*(y - C*m)/2
L = sum(map(term, Y, exscan(mean, m0, exscan(covariance, P0, Y), Y), exscan(covariance, P0, Y)))

grad L wrt m0
grad L wrt Q
hessian L wrt m0
