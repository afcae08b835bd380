# The position of the hand of an arm with six joints, by Denavit and Hartenberg's parameters.
q, d, a, alpha in R^6
rot(c, s) = [c, -s, 0; s, c, 0; 0, 0, 1]
tilt(c, s) = [1, 0, 0; 0, c, -s; 0, s, c]
turn(i) = rot(cos(q[i]), sin(q[i]))*tilt(cos(alpha[i]), sin(alpha[i]))
reach(i) = rot(cos(q[i]), sin(q[i]))*[a[i], 0, d[i]]
p = reach(1) + turn(1)*(reach(2) + turn(2)*(reach(3) + turn(3)*(reach(4) + turn(4)*(reach(5) + turn(5)*reach(6)))))
