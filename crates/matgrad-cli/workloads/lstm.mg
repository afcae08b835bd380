# Two layers of LSTM cells with diagonal weights, and the cross entropy of what they predict. The rows of W and B belong to the
# forget, input and output gates and to the change; E are the weights of the input, of the output, and its bias.
W1, B1, W2, B2 in R^(4 x b)
E in R^(3 x b)
s0 in R^(4*b)
X in R^(m x b)
Y in R^(m x b)
memory(W, B, h, c, v) = sigmoid(v.*W[1,:]' + B[1,:]').*c + sigmoid(h.*W[2,:]' + B[2,:]').*tanh(h.*W[4,:]' + B[4,:]')
out(W, B, c, v) = sigmoid(v.*W[3,:]' + B[3,:]').*tanh(c)
upper(h1, c1, h2, c2, c) = [h1; c1; out(W2, B2, c, h1); c]
lower(h1, c1, h2, c2) = upper(h1, c1, h2, c2, memory(W2, B2, h2, c2, h1))
enter(s, c, v) = lower(out(W1, B1, c, v), c, s[2*b+1:3*b], s[3*b+1:4*b])
begin(s, v) = enter(s, memory(W1, B1, s[1:b], s[b+1:2*b], v), v)
step(s, x) = begin(s, x.*E[1,:]')
S = scan(step, s0, X)
H = S[:,2*b+1:3*b]
P[t,k] = H[t,k]*E[2,k] + E[3,k]
f = -(sum[t,k](Y[t,k]*P[t,k]) - sum[t](log(2 + sum[k](exp(P[t,k])))*sum[k](Y[t,k])))/(m*b)
