# A recurrent network: h_t = tanh(W*h_(t-1) + U*x_t + b), its states one by one, and the loss of its last state.
# The gradients go backward through time: lambda_t is the derivative by the state after step t, and what each step adds
# is a product of all states with all lambdas.
# run: matgrad diff FILE

X in R^(N x M)
W in R^(D x D)
U in R^(D x M)
b, h0 in R^D
y in R^D

cell(h, x) = tanh(W*h + U*x + b)
h = fold(cell, h0, X)
L = norm(h - y)^2

grad L wrt W
grad L wrt U
grad L wrt b
grad L wrt h0
grad L wrt X
jacobian h wrt h0
hessian L wrt h0
