# Is it convex? The Hessian as a sum of positive semidefinite terms, rules of composition, or two refutations.
# run: matgrad diff FILE

y in R^m
Phi in R^(m x n)
c in R nonneg
w in R^n
X in R^(k x k) pd
s in R
t in R positive

ridge = norm(y - Phi*w)^2/2 + c/2*norm(w)^2
logistic = sum(log(1 + exp(-y.*(Phi*w)))) + c*norm1(w)

curvature ridge wrt w
curvature logsumexp(w) wrt w
curvature logistic wrt w
curvature logdet(X) wrt X
curvature s^2/t wrt s, t
curvature s*t wrt s, t
