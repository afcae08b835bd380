# The log marginal likelihood of a Gaussian process by the logarithms of its length scale, signal and noise, theta.
# The answer uses the names of the script: K for the kernel matrix, S for the part without noise, D for squared distances.
# run: matgrad diff FILE

X in R^(n x d)
y in R^n
theta in R^3

q = sum(X.^2, 2)
D = q*ones(n)' + ones(n)*q' - 2*X*X'
S = exp(2*theta[2] - exp(-2*theta[1])*D/2)
K = S + exp(2*theta[3])*eye(n)
L = -y'*inv(K)*y/2 - logdet(K)/2 - n*log(2*pi)/2

grad L wrt theta
grad L wrt y
