# A layer that computes a fixed point: its state is defined by an equation, and differentiated without unrolling it.
# run: matgrad diff FILE
x, z in R^n
W in R^(n x n)
define z by z = tanh(W*z + x)
L = sum(z.^2)
diff z wrt x
grad L wrt x
grad L wrt W
