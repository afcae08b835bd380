//// mg_sign
static double mg_sign(double x) { return (x > 0) - (x < 0); }

//// mg_sigmoid
static double mg_sigmoid(double x) { return 0.5 * (1 + tanh(0.5 * x)); }

//// mg_softplus
static double mg_softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

//// mg_logaddexp
static double mg_logaddexp(double a, double b)
{
    double high = fmax(a, b), low = fmin(a, b);
    return isinf(high) ? high : high + log1p(exp(low - high));
}

//// mg_polygamma
/* The k-th derivative of the digamma function: recurrence up to 12, reflection of the argument, then the asymptotic series
   (Abramowitz and Stegun 6.4.11). */
static double mg_polygamma(int k, double x)
{
    static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};
    double factorial = 1, sum = 0, sign = k % 2 ? 1 : -1, power;
    for (int i = 2; i <= k; i++) factorial *= i;
    while (x < 12 + k) {
        sum += k == 0 ? -1 / x : sign * factorial / pow(x, k + 1);
        x += 1;
    }
    if (k == 0) {
        sum += log(x) - 0.5 / x;
        power = 1;
        for (int j = 0; j < 8; j++) {
            power /= x * x;
            sum -= bernoulli[j] / (2 * (j + 1)) * power;
        }
        return sum;
    }
    power = pow(x, -k);
    sum += sign * (factorial / k * power + 0.5 * factorial * power / x);
    for (int j = 1; j <= 8; j++) {
        power /= x * x;
        double term = 1;
        for (int i = 1; i < 2 * j + k; i++) {
            term *= i;
            if (i <= 2 * j) term /= i;
        }
        sum += sign * bernoulli[j - 1] * term * power;
    }
    return sum;
}

//// mg_levi_civita
static double mg_levi_civita(size_t n, const size_t *p)
{
    double sign = 1;
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n; b++) sign *= (p[b] > p[a]) - (p[b] < p[a]);
    return sign;
}

//// mg_matmul
/* out (m x n) = A B, A being m x inner and B inner x n; ta, tb: given as their transposes. */
static void mg_matmul(size_t m, size_t n, size_t inner, const double *a, int ta, const double *b, int tb, double *out)
{
    memset(out, 0, m * n * sizeof(double));
    if (tb) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t k = 0; k < inner; k++) sum += (ta ? a[k * m + i] : a[i * inner + k]) * b[j * inner + k];
                out[i * n + j] = sum;
            }
        return;
    }
    if (ta) {
        for (size_t k = 0; k < inner; k++)
            for (size_t i = 0; i < m; i++) {
                double factor = a[k * m + i];
                for (size_t j = 0; j < n; j++) out[i * n + j] += factor * b[k * n + j];
            }
        return;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < inner; k++) {
            double factor = a[i * inner + k];
            for (size_t j = 0; j < n; j++) out[i * n + j] += factor * b[k * n + j];
        }
}

//// mg_identity
static void mg_identity(size_t n, double *out)
{
    for (size_t i = 0; i < n * n; i++) out[i] = i % (n + 1) == 0;
}

//// mg_lu
/* Factors a in place with partial pivoting and does the same to k columns of b; the sign of the permutation. */
static double mg_lu(size_t n, double *a, size_t k, double *b)
{
    double sign = 1;
    for (size_t c = 0; c < n; c++) {
        size_t p = c;
        for (size_t i = c + 1; i < n; i++)
            if (fabs(a[i * n + c]) > fabs(a[p * n + c])) p = i;
        if (p != c) {
            sign = -sign;
            for (size_t j = 0; j < n; j++) {
                double t = a[c * n + j];
                a[c * n + j] = a[p * n + j];
                a[p * n + j] = t;
            }
            for (size_t j = 0; j < k; j++) {
                double t = b[c * k + j];
                b[c * k + j] = b[p * k + j];
                b[p * k + j] = t;
            }
        }
        if (a[c * n + c] == 0) continue;
        for (size_t i = c + 1; i < n; i++) {
            double factor = a[i * n + c] / a[c * n + c];
            if (factor == 0) continue;
            for (size_t j = c + 1; j < n; j++) a[i * n + j] -= factor * a[c * n + j];
            for (size_t j = 0; j < k; j++) b[i * k + j] -= factor * b[c * k + j];
        }
    }
    return sign;
}

//// mg_solve
/* out (n x k) with A out = B. */
static void mg_solve(size_t n, size_t k, const double *a, const double *b, double *out)
{
    double *lu = calloc((n * n + 1), sizeof(double));
    if (!lu) {
        for (size_t i = 0; i < n * k; i++) out[i] = NAN;
        return;
    }
    memcpy(lu, a, n * n * sizeof(double));
    memmove(out, b, n * k * sizeof(double));
    mg_lu(n, lu, k, out);
    for (size_t i = n; i-- > 0;)
        for (size_t j = 0; j < k; j++) {
            double sum = out[i * k + j];
            for (size_t p = i + 1; p < n; p++) sum -= lu[i * n + p] * out[p * k + j];
            out[i * k + j] = sum / lu[i * n + i];
        }
    free(lu);
}

//// mg_inverse
static void mg_inverse(size_t n, const double *a, double *out)
{
    double *eye = calloc((n * n + 1), sizeof(double));
    if (!eye) return;
    mg_identity(n, eye);
    mg_solve(n, n, a, eye, out);
    free(eye);
}

//// mg_det
static double mg_det(size_t n, const double *a)
{
    double *lu = calloc((n * n + 1), sizeof(double)), product;
    if (!lu) return NAN;
    memcpy(lu, a, n * n * sizeof(double));
    product = mg_lu(n, lu, 0, NULL);
    for (size_t i = 0; i < n; i++) product *= lu[i * n + i];
    free(lu);
    return product;
}

//// mg_logdet
static double mg_logdet(size_t n, const double *a)
{
    double *lu = calloc((n * n + 1), sizeof(double)), sum = 0;
    if (!lu) return NAN;
    memcpy(lu, a, n * n * sizeof(double));
    mg_lu(n, lu, 0, NULL);
    for (size_t i = 0; i < n; i++) sum += log(fabs(lu[i * n + i]));
    free(lu);
    return sum;
}

//// mg_cholesky
static void mg_cholesky(size_t n, const double *a, double *out)
{
    memset(out, 0, n * n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++) sum -= out[i * n + k] * out[j * n + k];
            out[i * n + j] = i == j ? sqrt(sum) : sum / out[j * n + j];
        }
}

//// mg_eigen
/* Eigenvalues, ascending, and eigenvectors (columns) of a symmetric matrix. */
static void mg_eigen(size_t n, const double *x, double *values, double *vectors)
{
    double *a = calloc((n * n + 1), sizeof(double));
    if (!a) return;
    memcpy(a, x, n * n * sizeof(double));
    for (size_t i = 0; i < n * n; i++) vectors[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                all += a[i * n + j] * a[i * n + j];
                if (i != j) off += a[i * n + j] * a[i * n + j];
            }
        if (off <= 1e-34 * all) break;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                double apq = a[p * n + q];
                if (apq == 0) continue;
                double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
                double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (size_t k = 0; k < n; k++) {
                    double u = a[k * n + p], v = a[k * n + q];
                    a[k * n + p] = c * u - s * v;
                    a[k * n + q] = s * u + c * v;
                }
                for (size_t k = 0; k < n; k++) {
                    double u = a[p * n + k], v = a[q * n + k];
                    a[p * n + k] = c * u - s * v;
                    a[q * n + k] = s * u + c * v;
                    u = vectors[k * n + p], v = vectors[k * n + q];
                    vectors[k * n + p] = c * u - s * v;
                    vectors[k * n + q] = s * u + c * v;
                }
            }
    }
    for (size_t i = 0; i < n; i++) values[i] = a[i * n + i];
    for (size_t i = 0; i < n; i++) {
        size_t low = i;
        for (size_t j = i + 1; j < n; j++)
            if (values[j] < values[low]) low = j;
        if (low == i) continue;
        double t = values[i];
        values[i] = values[low];
        values[low] = t;
        for (size_t k = 0; k < n; k++) {
            t = vectors[k * n + i];
            vectors[k * n + i] = vectors[k * n + low];
            vectors[k * n + low] = t;
        }
    }
    free(a);
}

//// mg_eigvals
static void mg_eigvals(size_t n, const double *x, double *out)
{
    double *vectors = calloc((n * n + 1), sizeof(double));
    if (!vectors) return;
    mg_eigen(n, x, out, vectors);
    free(vectors);
}

//// mg_eigvecs
static void mg_eigvecs(size_t n, const double *x, double *out)
{
    double *values = calloc((n + 1), sizeof(double));
    if (!values) return;
    mg_eigen(n, x, values, out);
    free(values);
}

//// mg_svd
/* Singular values, descending, with u (m x r) and v (n x r), r being the smaller of m and n: one-sided rotations. */
static void mg_svd(size_t m, size_t n, const double *x, double *s, double *u, double *v)
{
    size_t rows = m >= n ? m : n, r = m >= n ? n : m;
    double *a = calloc((rows * r + 1), sizeof(double)), *w = calloc((r * r + 1), sizeof(double));
    if (!a || !w) {
        free(a);
        free(w);
        return;
    }
    /* the columns of a are those of the taller of x and its transpose */
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < r; j++) a[i * r + j] = m >= n ? x[i * n + j] : x[j * n + i];
    for (size_t i = 0; i < r * r; i++) w[i] = i % (r + 1) == 0;
    for (int sweep = 0; sweep < 60; sweep++) {
        int turned = 0;
        for (size_t p = 0; p < r; p++)
            for (size_t q = p + 1; q < r; q++) {
                double pp = 0, qq = 0, pq = 0;
                for (size_t k = 0; k < rows; k++) {
                    pp += a[k * r + p] * a[k * r + p];
                    qq += a[k * r + q] * a[k * r + q];
                    pq += a[k * r + p] * a[k * r + q];
                }
                if (fabs(pq) <= 1e-17 * sqrt(pp * qq) || pq == 0) continue;
                turned = 1;
                double theta = (qq - pp) / (2 * pq);
                double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
                double c = 1 / sqrt(t * t + 1), d = t * c;
                for (size_t k = 0; k < rows; k++) {
                    double y = a[k * r + p], z = a[k * r + q];
                    a[k * r + p] = c * y - d * z;
                    a[k * r + q] = d * y + c * z;
                }
                for (size_t k = 0; k < r; k++) {
                    double y = w[k * r + p], z = w[k * r + q];
                    w[k * r + p] = c * y - d * z;
                    w[k * r + q] = d * y + c * z;
                }
            }
        if (!turned) break;
    }
    for (size_t j = 0; j < r; j++) {
        double sum = 0;
        for (size_t k = 0; k < rows; k++) sum += a[k * r + j] * a[k * r + j];
        s[j] = sqrt(sum);
    }
    for (size_t i = 0; i < r; i++) {
        size_t high = i;
        for (size_t j = i + 1; j < r; j++)
            if (s[j] > s[high]) high = j;
        if (high == i) continue;
        double t = s[i];
        s[i] = s[high];
        s[high] = t;
        for (size_t k = 0; k < rows; k++) {
            t = a[k * r + i];
            a[k * r + i] = a[k * r + high];
            a[k * r + high] = t;
        }
        for (size_t k = 0; k < r; k++) {
            t = w[k * r + i];
            w[k * r + i] = w[k * r + high];
            w[k * r + high] = t;
        }
    }
    for (size_t j = 0; j < r; j++) {
        double scale = s[j] > 0 ? 1 / s[j] : 0;
        for (size_t k = 0; k < rows; k++) a[k * r + j] *= scale;
    }
    memcpy(m >= n ? u : v, a, rows * r * sizeof(double));
    memcpy(m >= n ? v : u, w, r * r * sizeof(double));
    free(a);
    free(w);
}

//// mg_singvals
static void mg_singvals(size_t m, size_t n, const double *x, double *out)
{
    size_t r = m < n ? m : n;
    double *work = calloc(((m + n) * r + 1), sizeof(double));
    if (!work) return;
    mg_svd(m, n, x, out, work, work + m * r);
    free(work);
}

//// mg_svdu
static void mg_svdu(size_t m, size_t n, const double *x, double *out)
{
    size_t r = m < n ? m : n;
    double *work = calloc(((n + 1) * r + 1), sizeof(double));
    if (!work) return;
    mg_svd(m, n, x, work, out, work + r);
    free(work);
}

//// mg_svdv
static void mg_svdv(size_t m, size_t n, const double *x, double *out)
{
    size_t r = m < n ? m : n;
    double *work = calloc(((m + 1) * r + 1), sizeof(double));
    if (!work) return;
    mg_svd(m, n, x, work, work + r, out);
    free(work);
}

//// mg_normspec
static double mg_normspec(size_t m, size_t n, const double *x)
{
    size_t r = m < n ? m : n;
    double *work = calloc(((m + n + 1) * r + 1), sizeof(double)), norm;
    if (!work) return NAN;
    mg_svd(m, n, x, work, work + r, work + r + m * r);
    norm = r ? work[0] : 0;
    free(work);
    return norm;
}

//// mg_normnuc
static double mg_normnuc(size_t m, size_t n, const double *x)
{
    size_t r = m < n ? m : n;
    double *work = calloc(((m + n + 1) * r + 1), sizeof(double)), norm = 0;
    if (!work) return NAN;
    mg_svd(m, n, x, work, work + r, work + r + m * r);
    for (size_t k = 0; k < r; k++) norm += work[k];
    free(work);
    return norm;
}

//// mg_pinv
static void mg_pinv(size_t m, size_t n, const double *x, double *out)
{
    size_t r = m < n ? m : n;
    double *s = calloc(((m + n + 1) * r + 1), sizeof(double)), *u = s + r, *v = s + r + m * r;
    if (!s) return;
    mg_svd(m, n, x, s, u, v);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double sum = 0;
            for (size_t k = 0; k < r; k++)
                if (s[k] > 1e-15 * (double)(m + n) * s[0]) sum += v[i * r + k] * u[j * r + k] / s[k];
            out[i * m + j] = sum;
        }
    free(s);
}

//// mg_adjugate
/* By minors: right for singular matrices too. */
static void mg_adjugate(size_t n, const double *x, double *out)
{
    double *minor = calloc((n * n + 1), sizeof(double));
    if (!minor) return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            size_t at = 0;
            for (size_t p = 0; p < n; p++)
                for (size_t q = 0; q < n; q++)
                    if (p != i && q != j) minor[at++] = x[p * n + q];
            out[j * n + i] = ((i + j) % 2 ? -1 : 1) * mg_det(n - 1, minor);
        }
    free(minor);
}

//// mg_expm
/* Scaling and squaring with the diagonal Pade approximant of degree 13. */
static void mg_expm(size_t n, const double *x, double *out)
{
    static const double b[] = {64764752532480000., 32382376266240000., 7771770303897600., 1187353796428800., 129060195264000.,
                               10559470521600., 670442572800., 33522128640., 1323241920., 40840800., 960960., 16380., 182., 1.};
    size_t nn = n * n, squarings = 0;
    double norm = 0, scale = 1, *work = calloc((6 * nn + 1), sizeof(double));
    double *a = work, *power = work + nn, *next = work + 2 * nn, *u = work + 3 * nn, *v = work + 4 * nn, *square = work + 5 * nn;
    if (!work) return;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += fabs(x[i * n + j]);
        norm = fmax(norm, sum);
    }
    while (norm * scale > 2) scale /= 2, squarings++;
    for (size_t i = 0; i < nn; i++) a[i] = x[i] * scale;
    mg_matmul(n, n, n, a, 0, a, 0, square);
    for (size_t i = 0; i < nn; i++) {
        power[i] = i % (n + 1) == 0;
        u[i] = b[1] * power[i];
        v[i] = b[0] * power[i];
    }
    for (int k = 2; k <= 12; k += 2) {
        mg_matmul(n, n, n, power, 0, square, 0, next);
        memcpy(power, next, nn * sizeof(double));
        for (size_t i = 0; i < nn; i++) {
            v[i] += b[k] * power[i];
            u[i] += b[k + 1] * power[i];
        }
    }
    mg_matmul(n, n, n, a, 0, u, 0, next);
    for (size_t i = 0; i < nn; i++) {
        power[i] = v[i] - next[i];
        u[i] = v[i] + next[i];
    }
    mg_solve(n, n, power, u, out);
    while (squarings-- > 0) {
        mg_matmul(n, n, n, out, 0, out, 0, next);
        memcpy(out, next, nn * sizeof(double));
    }
    free(work);
}

//// mg_sqrtm
/* The scaled iteration of Denman and Beavers. */
static void mg_sqrtm(size_t n, const double *x, double *out)
{
    size_t nn = n * n;
    double *work = calloc((3 * nn + 1), sizeof(double)), *z = work, *yi = work + nn, *zi = work + 2 * nn;
    if (!work) return;
    memcpy(out, x, nn * sizeof(double));
    for (size_t i = 0; i < nn; i++) z[i] = i % (n + 1) == 0;
    for (int k = 0; k < 40; k++) {
        double c = k < 12 ? pow(fabs(mg_det(n, out) * mg_det(n, z)), -0.5 / (double)n) : 1;
        mg_inverse(n, out, yi);
        mg_inverse(n, z, zi);
        for (size_t i = 0; i < nn; i++) {
            out[i] = 0.5 * (c * out[i] + zi[i] / c);
            z[i] = 0.5 * (c * z[i] + yi[i] / c);
        }
    }
    free(work);
}

//// mg_logm
/* Inverse scaling and squaring: eight roots, then 2 artanh((x - 1)/(x + 1)). */
static void mg_logm(size_t n, const double *x, double *out)
{
    size_t nn = n * n;
    double *work = calloc((5 * nn + 1), sizeof(double));
    double *root = work, *next = work + nn, *y = work + 2 * nn, *square = work + 3 * nn, *power = work + 4 * nn;
    if (!work) return;
    memcpy(root, x, nn * sizeof(double));
    for (int k = 0; k < 8; k++) {
        mg_sqrtm(n, root, next);
        memcpy(root, next, nn * sizeof(double));
    }
    for (size_t i = 0; i < nn; i++) {
        double one = i % (n + 1) == 0;
        next[i] = root[i] + one;
        power[i] = root[i] - one;
    }
    mg_solve(n, n, next, power, y);
    mg_matmul(n, n, n, y, 0, y, 0, square);
    memcpy(power, y, nn * sizeof(double));
    memcpy(out, y, nn * sizeof(double));
    for (int k = 1; k < 12; k++) {
        mg_matmul(n, n, n, power, 0, square, 0, next);
        memcpy(power, next, nn * sizeof(double));
        for (size_t i = 0; i < nn; i++) out[i] += power[i] / (2 * k + 1);
    }
    for (size_t i = 0; i < nn; i++) out[i] *= 512;
    free(work);
}

//// mg_expm_frechet
/* A block of the exponential of [x, e; 0, x] (Mathias 1996). */
static void mg_expm_frechet(size_t n, const double *x, const double *e, double *out)
{
    size_t d = 2 * n;
    double *a = calloc(2 * d * d + 1, sizeof(double)), *f = a + d * d;
    if (!a) return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            a[i * d + j] = a[(i + n) * d + j + n] = x[i * n + j];
            a[i * d + j + n] = e[i * n + j];
        }
    mg_expm(d, a, f);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) out[i * n + j] = f[i * d + j + n];
    free(a);
}

//// mg_logm_frechet
static void mg_logm_frechet(size_t n, const double *x, const double *e, double *out)
{
    size_t d = 2 * n;
    double *a = calloc(2 * d * d + 1, sizeof(double)), *f = a + d * d;
    if (!a) return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            a[i * d + j] = a[(i + n) * d + j + n] = x[i * n + j];
            a[i * d + j + n] = e[i * n + j];
        }
    mg_logm(d, a, f);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) out[i * n + j] = f[i * d + j + n];
    free(a);
}

//// mg_sqrtm_frechet
static void mg_sqrtm_frechet(size_t n, const double *x, const double *e, double *out)
{
    size_t d = 2 * n;
    double *a = calloc(2 * d * d + 1, sizeof(double)), *f = a + d * d;
    if (!a) return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            a[i * d + j] = a[(i + n) * d + j + n] = x[i * n + j];
            a[i * d + j + n] = e[i * n + j];
        }
    mg_sqrtm(d, a, f);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) out[i * n + j] = f[i * d + j + n];
    free(a);
}

//// mg_softmax
/* Down columns (axis 0), along rows (1) or over everything (2). */
static void mg_softmax(size_t m, size_t n, int axis, const double *x, double *out)
{
    size_t groups = axis == 0 ? n : axis == 1 ? m : 1, count = axis == 0 ? m : axis == 1 ? n : m * n;
    size_t from = axis == 0 ? 1 : axis == 1 ? n : 0, step = axis == 0 ? n : 1;
    for (size_t g = 0; g < groups; g++) {
        double high = -INFINITY, sum = 0;
        for (size_t k = 0; k < count; k++) high = fmax(high, x[g * from + k * step]);
        for (size_t k = 0; k < count; k++) sum += out[g * from + k * step] = exp(x[g * from + k * step] - high);
        for (size_t k = 0; k < count; k++) out[g * from + k * step] /= sum;
    }
}

//// mg_cumsum
static void mg_cumsum(size_t m, size_t n, int reverse, const double *x, double *out)
{
    for (size_t j = 0; j < n; j++) {
        double sum = 0;
        for (size_t k = 0; k < m; k++) {
            size_t i = reverse ? m - 1 - k : k;
            out[i * n + j] = sum += x[i * n + j];
        }
    }
}

//// mg_duplication
/* D with D vech(A) = vec(A) for symmetric A. */
static void mg_duplication(size_t n, double *out)
{
    size_t width = n * (n + 1) / 2, k = 0;
    memset(out, 0, n * n * width * sizeof(double));
    for (size_t j = 0; j < n; j++)
        for (size_t i = j; i < n; i++, k++) out[(j * n + i) * width + k] = out[(i * n + j) * width + k] = 1;
}

//// mg_elimination
/* L with L vec(A) = vech(A). */
static void mg_elimination(size_t n, double *out)
{
    size_t k = 0;
    memset(out, 0, n * n * n * (n + 1) / 2 * sizeof(double));
    for (size_t j = 0; j < n; j++)
        for (size_t i = j; i < n; i++, k++) out[k * n * n + j * n + i] = 1;
}
