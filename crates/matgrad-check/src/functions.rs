//! The functions of the language on evaluated arguments.

use matgrad_syntax::Reducer;
use smallvec::SmallVec;

use crate::builtin::{Axis, Builtin};
use crate::eigen;
use crate::error::{ErrorKind, EvalError, Result};
use crate::linalg::{self, need_square, need_symmetric};
use crate::matfun;
use crate::operators::{self, elementwise, size, total, whole};
use crate::scalar::{Elementary, Scalar};
use crate::value::{Array, Form, Value, checked, show};

pub(crate) fn call<T: Scalar>(function: Builtin, args: &[&Value<T>]) -> Result<Value<T>> {
    match (function, args) {
        (Builtin::Elementary(f), [a]) => map(f, a),
        (Builtin::Inv, [a]) => operators::inverse(a),
        (Builtin::Transpose, [a]) => operators::transpose(a),
        (Builtin::Vector, [a]) => Ok(Value::Fill(a.need_scalar()?, Form::Column)),
        (Builtin::Matrix, [a]) => Ok(Value::Fill(a.need_scalar()?, Form::Matrix)),
        (Builtin::Det, [Value::Eye(x)]) if (x.re() - 1.0).abs() == 0.0 && T::ORDER == 0 => Ok(Value::number(1.0)),
        (Builtin::Max, [a, b]) => elementwise(a, b, |x, y| if y.re() > x.re() { y } else { x }),
        (Builtin::Min, [a, b]) => elementwise(a, b, |x, y| if y.re() < x.re() { y } else { x }),
        (Builtin::Atan2, [a, b]) => elementwise(a, b, T::atan2),
        (Builtin::Pow, [a, b]) => elementwise(a, b, T::pow),
        (Builtin::Where, [c, a, b]) => choose(c, a, b),
        (Builtin::Polygamma, [k, a]) => {
            let order = u8::try_from(whole(k)?)
                .ok()
                .filter(|k| *k <= 100)
                .ok_or_else(|| EvalError::domain("the order of polygamma is a whole number from 0 to 100"))?;
            map(Elementary::Polygamma(order), a)
        }
        (Builtin::Dot, [a, b]) => dot(a, b).map(Value::scalar),
        (Builtin::Reshape, [a, m, n]) => reshape(a.dense()?, size(m)?, size(n)?).map(Value::Dense),
        (Builtin::Size, [a, axis]) => {
            let (array, axis) = (a.dense()?, size(axis)?);
            match array.shape().get(axis.wrapping_sub(1)) {
                Some(n) => Ok(Value::number(*n as f64)),
                None => Err(EvalError::new(ErrorKind::Subscript, format!("an array has no axis {axis}"))),
            }
        }
        (
            Builtin::Eye
            | Builtin::Ones
            | Builtin::Zeros
            | Builtin::Unit
            | Builtin::Commutation
            | Builtin::Duplication
            | Builtin::Elimination,
            _,
        ) => {
            let mut sizes: SmallVec<[usize; 2]> = SmallVec::new();
            for arg in args {
                sizes.push(size(arg)?);
            }
            constant(function, &sizes).map(Value::Dense)
        }
        (_, [a]) => of_any_array(function, a.dense()?),
        (_, [a, b]) => of_arrays(function, a.dense()?, b.dense()?).map(Value::Dense),
        _ => Err(EvalError::shape("wrong number of arguments")),
    }
}

fn map<T: Scalar>(f: Elementary, a: &Value<T>) -> Result<Value<T>> {
    match a {
        Value::Fill(x, form) => Ok(Value::Fill(x.apply(f), *form)),
        _ => Ok(Value::Dense(a.dense()?.map(|x| x.apply(f)))),
    }
}

fn of_arrays<T: Scalar>(function: Builtin, a: &Array<T>, b: &Array<T>) -> Result<Array<T>> {
    match function {
        Builtin::Kron => operators::kron(a, b),
        Builtin::Cross => cross(a, b),
        Builtin::ExpmFrechet => matfun::frechet(matfun::expm, a, b, "expm_frechet"),
        Builtin::LogmFrechet => matfun::frechet(matfun::logm, a, b, "logm_frechet"),
        Builtin::SqrtmFrechet => {
            need_symmetric(a, "sqrtm_frechet")?;
            matfun::frechet(matfun::sqrtm, a, b, "sqrtm_frechet")
        }
        _ => Err(EvalError::shape("wrong number of arguments")),
    }
}

/// The principal logarithm or square root of any matrix that has one.
pub(crate) fn of_any_matrix<T: Scalar>(function: Builtin, a: &Array<T>) -> Option<Result<Array<T>>> {
    match function {
        Builtin::Logm => Some(matfun::logm(a)),
        Builtin::Sqrtm => Some(matfun::sqrtm(a)),
        _ => None,
    }
}

/// What has no derivative still has a value where nothing moves.
fn of_any_array<T: Scalar>(function: Builtin, a: &Array<T>) -> Result<Value<T>> {
    let still = || a.data().iter().all(|x| (*x - T::new(x.re())).is_zero());
    match of_array(function, a) {
        Err(error) if error.kind == ErrorKind::NoDual && T::ORDER > 0 && still() => {
            Ok(Value::Dense(of_array(function, &a.map(T::re))?.dense()?.map(T::new)))
        }
        result => result,
    }
}

fn of_array<T: Scalar>(function: Builtin, a: &Array<T>) -> Result<Value<T>> {
    if let Some(value) = scalar_of(function, a)? {
        return Ok(Value::scalar(value));
    }
    let array = match function {
        Builtin::Reduce(reducer, axis) => return reduce(reducer, axis, a).map(Value::Dense),
        Builtin::Softmax(axis) => along(axis, a, softmax)?,
        Builtin::Pinv => pinv(a)?,
        Builtin::Adj => linalg::cofactors(a, "adj")?.transposed(),
        Builtin::Cof => linalg::cofactors(a, "cof")?,
        Builtin::Diag => diag(a)?,
        Builtin::Vec => a.reshaped(&[a.len(), 1]),
        Builtin::Rvec => {
            need_matrix(a, "rvec")?;
            a.transposed().reshaped(&[1, a.len()])
        }
        Builtin::Chol => linalg::chol(a)?,
        Builtin::Expm => matfun::expm(a)?,
        Builtin::Logm | Builtin::Sqrtm => {
            let name = if function == Builtin::Logm { "logm" } else { "sqrtm" };
            need_symmetric(a, name)?;
            if function == Builtin::Logm { matfun::logm(a)? } else { matfun::sqrtm(a)? }
        }
        Builtin::Eigvals => Array::column(eigen::values(a)?),
        Builtin::Eigvecs => eigen::vectors(a)?,
        Builtin::Singvals => Array::column(eigen::svd(a, "singvals")?.s),
        Builtin::SvdU => determined(eigen::svd(a, "svdU")?, a.rows() >= a.cols(), |svd| svd.u),
        Builtin::SvdV => determined(eigen::svd(a, "svdV")?, a.rows() < a.cols(), |svd| svd.v),
        Builtin::Cumsum => cumulated(a, false)?,
        Builtin::RevCumsum => cumulated(a, true)?,
        Builtin::Tril => triangle(a, |i, j| i >= j)?,
        Builtin::Triu => triangle(a, |i, j| i <= j)?,
        _ => return Err(EvalError::shape("wrong number of arguments")),
    };
    Ok(Value::Dense(array))
}

fn scalar_of<T: Scalar>(function: Builtin, a: &Array<T>) -> Result<Option<T>> {
    Ok(Some(match function {
        Builtin::Tr => {
            let n = need_square(a, "tr")?;
            (0..n).fold(T::ZERO, |sum, i| sum + a.at(i, i))
        }
        Builtin::Det => linalg::det(a)?,
        Builtin::Logdet => linalg::logdet(a)?,
        Builtin::Norm | Builtin::SquaredNorm => {
            let square = a.data().iter().fold(T::ZERO, |sum, x| sum + *x * *x);
            if function == Builtin::Norm { square.sqrt() } else { square }
        }
        Builtin::Norm1 => a.data().iter().fold(T::ZERO, |sum, x| sum + x.apply(Elementary::Abs)),
        Builtin::NormInf => {
            let sizes: SmallVec<[T; 16]> = a.data().iter().map(|x| x.apply(Elementary::Abs)).collect();
            if sizes.is_empty() { T::ZERO } else { fold(Reducer::Max, &sizes)? }
        }
        Builtin::NormSpec => eigen::svd(a, "normspec")?.s.first().copied().unwrap_or(T::ZERO),
        Builtin::NormNuc => eigen::svd(a, "normnuc")?.s.into_iter().fold(T::ZERO, |sum, x| sum + x),
        _ => return Ok(None),
    }))
}

/// Singular vectors; of the longer side those of singular values 0 are not determined, and no numbers.
fn determined<T: Scalar>(svd: eigen::Svd<T>, longer: bool, vectors: fn(eigen::Svd<T>) -> Array<T>) -> Array<T> {
    let zero: Vec<bool> = svd.s.iter().map(|s| s.is_zero()).collect();
    let mut found = vectors(svd);
    for (j, _) in zero.iter().enumerate().filter(|(_, zero)| longer && **zero) {
        for i in 0..found.rows() {
            found.set(i, j, T::new(f64::NAN));
        }
    }
    found
}

fn pinv<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    match linalg::pinv(a) {
        Err(error) if error.kind == ErrorKind::NoDual && T::ORDER == 0 => {
            Ok(eigen::pinv_any(&a.map(T::re))?.map(T::new))
        }
        result => result,
    }
}

fn need_matrix<T: Scalar>(a: &Array<T>, name: &str) -> Result<()> {
    if a.rank() == 2 {
        Ok(())
    } else {
        Err(EvalError::shape(format!("{name} needs a matrix, got shape {}", show(a.shape()))))
    }
}

/// One number from the entries of a slice.
fn fold<T: Scalar>(reducer: Reducer, entries: &[T]) -> Result<T> {
    let pick = |better: fn(f64, f64) -> bool| {
        let best = entries
            .iter()
            .copied()
            .reduce(|best, x| if better(x.re(), best.re()) { x } else { best })
            .ok_or_else(|| EvalError::domain(format!("{} of nothing", reducer.name())))?;
        // entries that attain it together, but for what rounding leaves of a 0, may differ in their derivatives
        let rounded = 1e-15 * entries.iter().fold(0.0f64, |most, x| most.max(x.re().abs()));
        let torn = T::ORDER > 0
            && entries.iter().any(|x| {
                (operators::same(x.re(), best.re()) || (x.re() - best.re()).abs() <= rounded)
                    && (*x - best).magnitude() > 1e-12 * best.magnitude().max(1.0)
            });
        if torn { Err(EvalError::domain(format!("{} has no derivative there", reducer.name()))) } else { Ok(best) }
    };
    let sum = |f: &dyn Fn(T) -> T| entries.iter().fold(T::ZERO, |sum, x| sum + f(*x));
    match reducer {
        Reducer::Sum => Ok(sum(&|x| x)),
        Reducer::Mean => Ok(sum(&|x| x).scale(1.0 / entries.len() as f64)),
        Reducer::Prod => Ok(entries.iter().fold(T::ONE, |product, x| product * *x)),
        Reducer::Max => pick(|a, b| a > b),
        Reducer::Min => pick(|a, b| a < b),
        Reducer::LogSumExp => {
            let shift = T::new(entries.iter().fold(f64::NEG_INFINITY, |most, x| most.max(x.re())));
            Ok(shift + sum(&|x| (x - shift).exp()).ln())
        }
    }
}

pub(crate) fn reduce<T: Scalar>(reducer: Reducer, axis: Axis, a: &Array<T>) -> Result<Array<T>> {
    if axis == Axis::All {
        return fold(reducer, a.data()).map(Array::scalar);
    }
    need_matrix(a, reducer.name())?;
    if axis == Axis::Along {
        return reduce(reducer, Axis::Down, &a.transposed()).map(|row| row.transposed());
    }
    let mut data: SmallVec<[T; 1]> = SmallVec::new();
    for j in 0..a.cols() {
        data.push(fold(reducer, &a.data()[j * a.rows()..(j + 1) * a.rows()])?);
    }
    Ok(Array::matrix(1, a.cols(), data))
}

/// Entry by entry over arrays of one shape: `sum[i](…)` of matrices.
pub(crate) fn reduce_terms<T: Scalar>(reducer: Reducer, terms: &[Value<T>]) -> Result<Value<T>> {
    let Some(first) = terms.first() else {
        return match reducer {
            Reducer::Sum => Ok(Value::number(0.0)),
            Reducer::Prod => Ok(Value::number(1.0)),
            _ => Err(EvalError::domain(format!("{} of nothing", reducer.name()))),
        };
    };
    if let (Value::Dense(first), true) = (first, terms.iter().all(|term| term.as_scalar().is_some())) {
        debug_assert!(first.is_scalar());
        let all: SmallVec<[T; 16]> = terms.iter().filter_map(Value::as_scalar).collect();
        return fold(reducer, &all).map(Value::scalar);
    }
    if reducer == Reducer::Sum {
        let mut sum = first.clone();
        for term in &terms[1..] {
            sum = elementwise(&sum, term, |x, y| x + y)?;
        }
        return Ok(sum);
    }
    let shape = first.dense()?.shape();
    let mut out = first.dense()?.clone();
    let mut entries = Vec::with_capacity(terms.len());
    for k in 0..out.len() {
        entries.clear();
        for term in terms {
            let term = term.dense()?;
            if term.shape() != shape {
                return Err(EvalError::shape(format!("shapes {} and {} differ", show(shape), show(term.shape()))));
            }
            entries.push(term.data()[k]);
        }
        out.data_mut()[k] = fold(reducer, &entries)?;
    }
    Ok(Value::Dense(out))
}

/// A function of slices, on all entries, each column or each row.
fn along<T: Scalar>(axis: Axis, a: &Array<T>, f: fn(&mut [T])) -> Result<Array<T>> {
    let mut out = a.clone();
    match axis {
        Axis::All => f(out.data_mut()),
        Axis::Down => {
            need_matrix(a, "softmax")?;
            let height = a.rows().max(1);
            out.data_mut().chunks_mut(height).for_each(f);
        }
        Axis::Along => {
            need_matrix(a, "softmax")?;
            out = along(Axis::Down, &a.transposed(), f)?.transposed();
        }
    }
    Ok(out)
}

fn softmax<T: Scalar>(x: &mut [T]) {
    let shift = T::new(x.iter().fold(f64::NEG_INFINITY, |most, x| x.re().max(most)));
    let mut sum = T::ZERO;
    for x in x.iter_mut() {
        *x = (*x - shift).exp();
        sum = sum + *x;
    }
    for x in x {
        *x = *x / sum;
    }
}

/// Sums down each column, from the top or from the bottom.
fn cumulated<T: Scalar>(a: &Array<T>, reverse: bool) -> Result<Array<T>> {
    need_matrix(a, "cumsum")?;
    let mut out = a.clone();
    for column in out.data_mut().chunks_mut(a.rows().max(1)) {
        let mut sum = T::ZERO;
        for k in 0..column.len() {
            let k = if reverse { column.len() - 1 - k } else { k };
            sum = sum + column[k];
            column[k] = sum;
        }
    }
    Ok(out)
}

fn triangle<T: Scalar>(a: &Array<T>, keep: fn(usize, usize) -> bool) -> Result<Array<T>> {
    need_matrix(a, "tril")?;
    let mut out = a.clone();
    for j in 0..a.cols() {
        for i in 0..a.rows() {
            if !keep(i, j) {
                out.set(i, j, T::ZERO);
            }
        }
    }
    Ok(out)
}

fn diag<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    if a.is_vector() {
        let n = a.len();
        checked(&[n, n])?;
        let mut out = Array::zeros(&[n, n]);
        for (i, x) in a.data().iter().enumerate() {
            out.set(i, i, *x);
        }
        return Ok(out);
    }
    let n = need_square(a, "diag")?;
    Ok(Array::column((0..n).map(|i| a.at(i, i)).collect()))
}

fn dot<T: Scalar>(a: &Value<T>, b: &Value<T>) -> Result<T> {
    if let (Value::Dense(x), Value::Dense(y)) = (a, b)
        && x.len() == y.len()
        && (x.shape() == y.shape() || (x.is_vector() && y.is_vector()))
    {
        return Ok(x.data().iter().zip(y.data()).fold(T::ZERO, |sum, (p, q)| sum + *p * *q));
    }
    Ok(total(elementwise(a, b, |x, y| x * y)?.dense()?))
}

fn cross<T: Scalar>(a: &Array<T>, b: &Array<T>) -> Result<Array<T>> {
    let (&[a1, a2, a3], &[b1, b2, b3]) = (a.data(), b.data()) else {
        return Err(EvalError::shape(format!(
            "cross needs two vectors of 3 entries, got shapes {} and {}",
            show(a.shape()),
            show(b.shape())
        )));
    };
    Ok(Array::column(vec![a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1]))
}

fn reshape<T: Scalar>(a: &Array<T>, m: usize, n: usize) -> Result<Array<T>> {
    if m.checked_mul(n) != Some(a.len()) {
        return Err(EvalError::shape(format!("cannot reshape {} entries to {m}×{n}", a.len())));
    }
    Ok(a.reshaped(&[m, n]))
}

fn choose<T: Scalar>(c: &Value<T>, a: &Value<T>, b: &Value<T>) -> Result<Value<T>> {
    // both sides at the common shape, then picked entry by entry
    let shape = [c, a, b]
        .iter()
        .filter_map(|value| value.dense().ok())
        .max_by_key(|array| array.len())
        .map(|array| array.shape().to_vec())
        .unwrap_or_else(|| vec![1, 1]);
    let spread = |value: &Value<T>| match value.as_scalar() {
        Some(x) => Ok(Array::filled(&shape, x)),
        None => {
            let array = value.with_shape(&shape)?;
            if array.shape() == shape {
                Ok(array)
            } else {
                Err(EvalError::shape(format!("shapes {} and {} differ", show(&shape), show(array.shape()))))
            }
        }
    };
    let (c, mut a, b) = (spread(c)?, spread(a)?, spread(b)?);
    for (k, other) in b.data().iter().enumerate() {
        if c.data()[k].re() == 0.0 {
            a.data_mut()[k] = *other;
        }
    }
    Ok(Value::Dense(a))
}

fn constant<T: Scalar>(function: Builtin, sizes: &[usize]) -> Result<Array<T>> {
    let square = |n: usize| n.saturating_mul(n);
    let half = |n: usize| square(n).saturating_add(n) / 2;
    match (function, sizes) {
        (Builtin::Eye, [n]) => {
            checked(&[*n, *n])?;
            Ok(Array::eye(*n))
        }
        (Builtin::Ones | Builtin::Zeros, _) => {
            checked(sizes)?;
            Ok(Array::filled(sizes, if function == Builtin::Ones { T::ONE } else { T::ZERO }))
        }
        (Builtin::Unit, [i, n]) => {
            if *i < 1 || i > n {
                let message = format!("unit({i}, {n}) has no such entry");
                return Err(EvalError::new(ErrorKind::Subscript, message));
            }
            checked(&[*n])?;
            let mut out = Array::zeros(&[*n, 1]);
            out.set(i - 1, 0, T::ONE);
            Ok(out)
        }
        (Builtin::Commutation, [m, n]) => {
            let size = m.saturating_mul(*n);
            checked(&[size, size])?;
            let mut out = Array::zeros(&[size, size]);
            for i in 0..*m {
                for j in 0..*n {
                    out.set(i * n + j, j * m + i, T::ONE);
                }
            }
            Ok(out)
        }
        (Builtin::Duplication | Builtin::Elimination, [n]) => {
            checked(&[square(*n), half(*n)])?;
            let duplication = function == Builtin::Duplication;
            let mut out = if duplication { Array::zeros(&[n * n, half(*n)]) } else { Array::zeros(&[half(*n), n * n]) };
            let mut at = 0;
            for j in 0..*n {
                for i in j..*n {
                    if duplication {
                        out.set(j * n + i, at, T::ONE);
                        out.set(i * n + j, at, T::ONE);
                    } else {
                        out.set(at, j * n + i, T::ONE);
                    }
                    at += 1;
                }
            }
            Ok(out)
        }
        _ => Err(EvalError::shape("wrong number of arguments")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(rows: usize, data: &[f64]) -> Value<f64> {
        // written by rows
        Value::Dense(Array::matrix(data.len() / rows, rows, data.iter().copied()).transposed())
    }

    fn check(function: &str, args: &[&Value<f64>], expected: &Value<f64>) {
        let (builtin, ..) = Builtin::find(function).unwrap();
        let got = call(builtin, args).unwrap();
        let (got, expected) = (got.dense().unwrap(), expected.dense().unwrap());
        assert_eq!(got.shape(), expected.shape(), "{function}");
        for (x, y) in got.data().iter().zip(expected.data()) {
            assert!((x - y).abs() < 1e-12, "{function}: {got:?} is not {expected:?}");
        }
    }

    #[test]
    fn matrices() {
        let a = array(2, &[1.0, 2.0, 3.0, 4.0]);
        check("tr", &[&a], &Value::number(5.0));
        check("det", &[&a], &Value::number(-2.0));
        check("inv", &[&a], &array(2, &[-2.0, 1.0, 1.5, -0.5]));
        check("adj", &[&a], &array(2, &[4.0, -2.0, -3.0, 1.0]));
        check("cof", &[&a], &array(2, &[4.0, -3.0, -2.0, 1.0]));
        check("diag", &[&a], &array(2, &[1.0, 4.0]));
        check("vec", &[&a], &array(4, &[1.0, 3.0, 2.0, 4.0]));
        check("rvec", &[&a], &array(1, &[1.0, 2.0, 3.0, 4.0]));
        check("tril", &[&a], &array(2, &[1.0, 0.0, 3.0, 4.0]));
        check("triu", &[&a], &array(2, &[1.0, 2.0, 0.0, 4.0]));
        check("cumsum", &[&a], &array(2, &[1.0, 2.0, 4.0, 6.0]));
        check("revcumsum", &[&a], &array(2, &[4.0, 6.0, 3.0, 4.0]));
        check("norm", &[&a], &Value::number(30f64.sqrt()));
        check("norm1", &[&a], &Value::number(10.0));
        check("norminf", &[&a], &Value::number(4.0));
        check("normnuc", &[&a], &Value::number((30.0f64 + 4.0).sqrt()));
        check("sum", &[&a], &Value::number(10.0));
        check("mean", &[&a], &Value::number(2.5));
        check("prod", &[&a], &Value::number(24.0));
    }

    #[test]
    fn axes() {
        let a = array(2, &[1.0, 2.0, 3.0, 4.0]);
        let Value::Dense(dense) = &a else { return };
        assert_eq!(reduce(Reducer::Sum, Axis::Down, dense).unwrap().data(), [4.0, 6.0]);
        assert_eq!(reduce(Reducer::Max, Axis::Along, dense).unwrap().data(), [2.0, 4.0]);
        let rows = along(Axis::Along, dense, softmax).unwrap();
        assert!((rows.at(0, 0) + rows.at(0, 1) - 1.0).abs() < 1e-15);
        assert!((rows.at(0, 1) / rows.at(0, 0) - 1f64.exp()).abs() < 1e-14);
    }

    #[test]
    fn constants() {
        let n = |x: f64| Value::number(x);
        check("unit", &[&n(2.0), &n(3.0)], &array(3, &[0.0, 1.0, 0.0]));
        let a = array(2, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let k = call(Builtin::Commutation, &[&n(2.0), &n(3.0)]).unwrap();
        let left = operators::multiply(&k, &call(Builtin::Vec, &[&a]).unwrap()).unwrap();
        let right = call(Builtin::Vec, &[&operators::transpose(&a).unwrap()]).unwrap();
        assert_eq!(left.dense().unwrap(), right.dense().unwrap());
        let s = array(2, &[1.0, 2.0, 2.0, 5.0]);
        let d = call(Builtin::Duplication, &[&n(2.0)]).unwrap();
        let e = call(Builtin::Elimination, &[&n(2.0)]).unwrap();
        let vec = call(Builtin::Vec, &[&s]).unwrap();
        let half = operators::multiply(&e, &vec).unwrap();
        assert_eq!(half.dense().unwrap().data(), [1.0, 2.0, 5.0]);
        assert_eq!(operators::multiply(&d, &half).unwrap().dense().unwrap(), vec.dense().unwrap());
        assert!(call::<f64>(Builtin::Eye, &[&n(1e9)]).is_err());
    }

    #[test]
    fn vectors_and_choice() {
        let (x, y) = (array(3, &[1.0, 0.0, 0.0]), array(3, &[0.0, 1.0, 0.0]));
        check("cross", &[&x, &y], &array(3, &[0.0, 0.0, 1.0]));
        check("dot", &[&x, &operators::transpose(&x).unwrap()], &Value::number(1.0));
        check("where", &[&x, &Value::number(7.0), &y], &array(3, &[7.0, 1.0, 0.0]));
        check(
            "reshape",
            &[&array(1, &[1.0, 2.0, 3.0, 4.0]), &Value::number(2.0), &Value::number(2.0)],
            &array(2, &[1.0, 3.0, 2.0, 4.0]),
        );
    }
}
