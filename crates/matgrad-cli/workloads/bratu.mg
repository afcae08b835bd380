# The five-point stencil of Bratu's equation on a k by k grid, 0 outside.
u in R^(k x k)
lam in R
Z = [zeros(1,k+2); zeros(k,1), u, zeros(k,1); zeros(1,k+2)]
R[i:k,j:k] = 4*u[i,j] - Z[i,j+1] - Z[i+2,j+1] - Z[i+1,j] - Z[i+1,j+2] - lam*exp(u[i,j])
