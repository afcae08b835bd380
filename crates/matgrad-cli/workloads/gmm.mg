# The log-likelihood of a mixture of K Gaussians, up to constants: D and L are logarithms of the diagonals and the strictly
# lower triangles of square roots of the inverse covariances, with a Wishart prior of parameters g and w.
al in R^K
mu in R^(K x d)
D in R^(K x d)
L in R^(K x d x d)
x in R^(n x d)
g in R
w in R
Q[k,i,j] = delta[i,j]*exp(D[k,i]) + where(i > j, L[k,i,j], 0)
sq[k] = sum[i](D[k,i])
z[a,k,i] = sum[j](Q[k,i,j]*x[a,j]) - sum[j](Q[k,i,j]*mu[k,j])
M[a,k] = al[k] + sq[k] - 0.5*sum[i](z[a,k,i]^2)
f = sum[a](logsumexp[k](M[a,k])) - n*logsumexp(al) + 0.5*g^2*sum[k,i,j](Q[k,i,j]^2) - w*sum[k](sq[k])
