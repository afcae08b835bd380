# x' A x, by x and by A; for a symmetric A, and by indices.
# run: matgrad diff FILE
# run: matgrad diff FILE --wrt x --of q --layout denominator

x in R^n
A in R^(n x n)
S in R^(n x n) symmetric
q = x'*A*x

diff q wrt x
diff q wrt A
diff x'*S*x wrt x
check sum[k,l](A[k,l]*x[k]*x[l]) wrt x is x'*(A + A')
