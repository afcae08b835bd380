# Second derivatives of a recurrent network by its inputs and its weights: V is a step of the variable, along(V) the
# derivative of the gradient along it. Tangents go forward, their adjoints backward, in two passes. The Hessian has the
# values along all unit vectors.
# run: matgrad diff FILE

X in R^(N x M)
W in R^(D x D)
U in R^(D x M)
b, h0, y in R^D

cell(h, x) = tanh(W*h + U*x + b)
L = norm(fold(cell, h0, X) - y)^2

hessian L wrt X
hessian L wrt b
