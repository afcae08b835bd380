# A vector by a vector: row i has the partial derivatives of component i.
# run: matgrad diff FILE

x in R^2
diff [x[1]*x[2], sin(x[1]), x[2]^2] wrt x
