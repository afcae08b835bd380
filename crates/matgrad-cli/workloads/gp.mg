# The log marginal likelihood of a Gaussian process: theta are the logarithms of length scale, signal and noise.
X in R^(n x d)
y in R^n
theta in R^3
s = sum(X.^2, 2)
D = max(s*ones(n)' + ones(n)*s' - 2*X*X', 0)
K = exp(2*theta[2] - D/(2*exp(2*theta[1]))) + exp(2*theta[3])*eye(n)
f = -y'*inv(K)*y/2 - logdet(K)/2 - n*log(2*pi)/2
