# Gradients, products of scalar functions, and derivatives along a direction.
# run: matgrad diff FILE

x in R^n
a in R^n
b in R^n
alpha in R
beta in R
grad x'*x*(a'*x) wrt x
diff (a'*x)*(b'*x) wrt x
diff alpha*(a'*x) + beta*(x'*x) wrt x

# along u: by t at the point x + t u, or at once
u in R^n
t in R
diff norm(x + t*u)^2 wrt t
directional norm(x)^2 wrt x along u
