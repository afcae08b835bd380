# Products by their entries: written out, differentiated entry by entry, put together again.
#
# run: matgrad diff FILE --of f --wrt x --steps
# run: matgrad diff FILE --of f --wrt A --layout tensor --steps
# run: matgrad diff FILE --of K --wrt R --layout tensor --steps
# run: matgrad diff FILE --of q --wrt x --steps
# run: matgrad diff FILE --of h --wrt t --steps
A in R^(M x N)
x in R^N
R in R^(M x N)
B in R^(N x N)
t in R
f = A*x
K = R'*R
q = x'*B*x
p = [t*cos(t), t*sin(t)]
h = exp(p[1]*p[2]^2)
