# The area of the parallelogram with the sides c and d.
# run: matgrad diff FILE

c in R^2
d in R^2
area = abs(det([c[1], d[1]; c[2], d[2]]))

diff area wrt c
grad area wrt d
