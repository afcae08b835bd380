# run: matgrad diff FILE
# what is known without knowing the functions: chain rules, operators, an assumption and what follows from it
x in R^n
p in R^3
A in R^(m x n)
t, c in R
f : R^m -> R
g : R^3 -> R
F : R^3 -> R^3
r : R -> R^3
u : R -> R
diff f(A*x) wrt x
hessian f(A*x) wrt x
curl grad g wrt p
laplacian g wrt p
div F wrt p
laplacian 1/norm(p) wrt p
laplacian norm(x)^2 wrt x
diff r(u(t)) wrt t
diff cross(r(t), r'(t)) wrt t
assume r(t)'*r(t) = c
diff norm(r(t)) wrt t
check r(t)'*r(t) wrt t is 0
