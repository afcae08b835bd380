# A recurrent network: h_t = tanh(W*h_(t-1) + U*x_t + b), its states one by one, and the loss of its last state.
# The derivatives are loops of their own: real-time recurrent learning. `matgrad eval` goes backward through time.
# run: matgrad diff FILE

X in R^(N x M)
W in R^(D x D)
U in R^(D x M)
b, h0 in R^D
y in R^D

cell(h, x) = tanh(W*h + U*x + b)
h = fold(cell, h0, X)
L = norm(h - y)^2

jacobian h wrt h0
grad L wrt b
grad L wrt W
