# Bundle adjustment: camera cam[i] sees point pt[i] at feats[i]. A camera is a rotation vector, a centre, a focal length, the
# principal point and two coefficients of radial distortion.
cams in R^(N x 11)
X in R^(M x 3)
w in R^p
feats in R^(p x 2)
cam in R^p
pt in R^p
th[c] = sqrt(cams[c,1]^2 + cams[c,2]^2 + cams[c,3]^2)
u[c,k:3] = cams[c,k]/th[c]
R[c,a:3,b:3] = cos(th[c])*delta[a,b] + (1 - cos(th[c]))*u[c,a]*u[c,b] - sin(th[c])*sum[k:3](eps[a,b,k]*u[c,k])
q[i,k:3] = X[pt[i],k] - cams[cam[i],k+3]
y[i,a:3] = sum[b:3](R[cam[i],a,b]*q[i,b])
e[i,k:2] = y[i,k]/y[i,3]
r[i] = e[i,1]^2 + e[i,2]^2
L[i] = 1 + cams[cam[i],10]*r[i] + cams[cam[i],11]*r[i]^2
F[i,k:2] = w[i]*(L[i]*e[i,k]*cams[cam[i],7] + cams[cam[i],k+7] - feats[i,k])
