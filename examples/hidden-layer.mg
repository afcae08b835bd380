# A network with one hidden layer on N data at once: the gradients that backpropagation computes, with the names of the script.
# run: matgrad diff FILE

X in R^(N x D)
W in R^(D x H)
b, v in R^H
y in R^N

Z = X*W + ones(N)*b'
A = tanh(Z)
r = y - A*v
L = r'*r/N

grad L wrt v
grad L wrt b
grad L wrt W
hessian L wrt b
