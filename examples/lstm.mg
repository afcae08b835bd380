# An LSTM cell: the state holds the output h and the memory c, one above the other.
# run: matgrad diff FILE

X in R^(N x M)
Wf, Wi, Wo, Wc in R^(D x D)
Uf, Ui, Uo, Uc in R^(D x M)
s0 in R^(2*D)

forget(h, x) = sigmoid(Wf*h + Uf*x)
input(h, x) = sigmoid(Wi*h + Ui*x)
output(h, x) = sigmoid(Wo*h + Uo*x)
memory(h, c, x) = forget(h, x) .* c + input(h, x) .* tanh(Wc*h + Uc*x)
out(h, x, c) = [output(h, x) .* tanh(c); c]
lstm(s, x) = out(s[1:D], x, memory(s[1:D], s[D+1:2*D], x))
L = sum(fold(lstm, s0, X)[1:D])

grad L wrt Wf
grad L wrt s0
grad L wrt X
