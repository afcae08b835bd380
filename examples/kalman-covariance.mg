# The covariance of a Kalman filter with transitions A, observed directly: its total variance after N steps, where the
# noise of step t is q_t^2*Q. The state is a matrix.
# run: matgrad diff FILE

q in R^N
A in R^(D x D)
Q, R, P in R^(D x D) pd

predict(S, q) = A*(S - S*(S + R)^-1*S)*A' + q^2*Q
V = tr(fold(predict, P, q))

grad V wrt A
grad V wrt Q
grad V wrt P
grad V wrt q
