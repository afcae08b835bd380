# The log-likelihood of a local-level model by the Kalman filter: a random walk with variance q of its steps, observed
# with variance r. The state is the mean m and the variance p of the prediction, and the sum so far.
# run: matgrad diff FILE

y in R^N
q, r in R positive
m0, p0 in R

update(m, p, l, z) = [m + p/(p + r)*(z - m), p*r/(p + r) + q, l - log(p + r)/2 - (z - m)^2/(2*(p + r))]
kalman(s, z) = update(s[1], s[2], s[3], z)
L = fold(kalman, [m0, p0, 0], y)[3] - N*log(2*pi)/2

diff L wrt q
diff L wrt r
diff L wrt m0
grad L wrt y
