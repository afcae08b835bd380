# A matrix by a scalar: entry by entry; the denominator layout is the transpose.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt t --of F --layout denominator

t in R
A in R^(m x n)
B in R^(m x n)
F = A*t + B*t^2

diff [cos(t), -sin(t); sin(t), cos(t)] wrt t
diff F wrt t
check F wrt t is A' + 2*t*B'
