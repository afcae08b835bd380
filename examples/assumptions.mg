# A curve on a sphere: its velocity is at right angles to it, and its acceleration follows.
# run: matgrad diff FILE
r : R -> R^3
c, t in R
assume r(t)'*r(t) = c

diff r(t)'*r(t) wrt t
check r(t)'*r(t) wrt t is 0
diff t*norm(r(t)) wrt t
diff r(t)'*r'(t) wrt t
