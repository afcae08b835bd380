# Derivations as a lecturer writes them: the least-squares loss by the chain rule with the shape of every factor, and by
# differentials that are put into each other. Every line is checked by itself.
#
# run: matgrad diff FILE --wrt theta --steps
# run: matgrad diff FILE --wrt theta --steps --style differential
# run: matgrad diff FILE --wrt theta --steps --lang zh --expand
# run: matgrad diff FILE --wrt theta --steps --order 2
# run: matgrad diff FILE --wrt theta --steps --format latex
y in R^N
Phi in R^(N x D)
theta in R^D
e = y - Phi*theta
L = norm(e)^2
