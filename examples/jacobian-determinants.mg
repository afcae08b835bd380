# run: matgrad diff FILE
# Jacobian determinants of linear maps and of the classical transformations, and what they do to densities
x, b in R^n
A in R^(n x n)
X in R^(m x n)
P in R^(m x m)
Q in R^(n x n)
Y in R^(n x n)
r, theta, phi, s, c in R
jacdet A*x + b wrt x
jacdet P*X*Q wrt X
jacdet inv(Y) wrt Y
jacdet x + b*(b'*x) wrt x
jacdet sin(A*x) wrt x
jacdet [r*cos(phi), r*sin(phi)] wrt r, phi
jacdet [r*sin(theta)*cos(phi), r*sin(theta)*sin(phi), r*cos(theta)] wrt r, theta, phi
g(x) = exp(-x'*x/2)/(2*pi)^(n/2)
pushforward g along A*x + b wrt x
pushforward exp(-s^2/2)/sqrt(2*pi) along exp(s) wrt s
taylor exp(b'*x) wrt x at b order 2

# functions of matrices: pairs of eigenvalues, or Kronecker products
R in R^(n x n) symmetric
jacdet expm(R) wrt R
jacdet Y^3 wrt Y
