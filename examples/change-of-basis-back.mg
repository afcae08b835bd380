# The way back: coordinates in the new basis from coordinates in the old one.
# run: matgrad diff FILE

y in R^2
J = [-2, 1; 1, 1]
x = J^-1*y

diff x wrt y
jacdet x wrt y
