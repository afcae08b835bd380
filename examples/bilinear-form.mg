# a' X b by X: b a' where rows follow the function, a b' as a gradient shaped like X.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt X --of s --layout denominator

X in R^(m x n)
Y in R^(m x n)
a in R^m
b in R^n
s = sum[p,q](a[p]*X[p,q]*b[q])

diff a'*X*b wrt X
grad s wrt X
check s wrt X is a*b'
differential a'*X*b wrt X
directional a'*X*b wrt X along Y

# the directional derivative again, as an ordinary one
t in R
diff a'*(X + t*Y)*b wrt t
