# a' X X' b, tr(X B) and tr(B X) by X.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt X --of f --layout rowvec

X in R^(m x n)
B in R^(n x m)
a in R^m
b in R^m
f = a'*X*X'*b

diff f wrt X
check f wrt X is X'*(b*a' + a*b')
check f wrt X is (a*b' + b*a')*X
diff tr(X*B) wrt X
diff tr(B*X) wrt X
