# A hidden Markov model by the forward recursion in logarithms: a(j) is the log-probability of what was seen so far with
# state j, A the log-probabilities of the transitions, E those of each observation in each state. The gradient by E is
# the posterior of the states at each time: what the forward-backward algorithm computes.
# run: matgrad diff FILE

E in R^(N x D)
A in R^(D x D)
p in R^D

forward(a, e) = e + logsumexp(A + a*ones(D)', 1)'
L = logsumexp(fold(forward, p, E))

grad L wrt E
grad L wrt A
grad L wrt p
hessian L wrt p
