# Ten layers: nine with relu, then the cross entropy of a softmax.
W1, W2, W3, W4, W5, W6, W7, W8, W9, W10 in R^(n x n)
x, y in R^n
layer(W, v) = relu(W*v)
loss(z) = logsumexp(z) - y'*z
f = loss(W10*layer(W9, layer(W8, layer(W7, layer(W6, layer(W5, layer(W4, layer(W3, layer(W2, layer(W1, x))))))))))
