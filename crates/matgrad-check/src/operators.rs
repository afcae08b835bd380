//! The operators between values: broadcasting of scalars, products, powers, subscripts, brackets.

use matgrad_syntax::BinaryOp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::error::{ErrorKind, EvalError, Result};
use crate::linalg;
use crate::program::Sub;
use crate::scalar::Scalar;
use crate::value::{Array, Form, Shape, Value, checked, show};

fn differ(a: &[usize], b: &[usize]) -> EvalError {
    EvalError::shape(format!("shapes {} and {} differ", show(a), show(b)))
}

pub(crate) fn binary<T: Scalar>(op: BinaryOp, a: &Value<T>, b: &Value<T>) -> Result<Value<T>> {
    match op {
        BinaryOp::Add => elementwise(a, b, |x, y| x + y),
        BinaryOp::Sub => elementwise(a, b, |x, y| x - y),
        BinaryOp::Hadamard => hadamard(a, b),
        BinaryOp::ElemDiv => elementwise(a, b, |x, y| x / y),
        BinaryOp::ElemPow => elementwise(a, b, T::pow),
        BinaryOp::Mul => multiply(a, b),
        BinaryOp::Div => {
            let inverse = Value::scalar(b.need_scalar()?);
            match a {
                Value::Eye(x) => Ok(Value::Eye(*x / b.need_scalar()?)),
                _ => elementwise(a, &inverse, |x, y| x / y),
            }
        }
        BinaryOp::Solve => left_divide(a, b),
        BinaryOp::Kron => kron(a.dense()?, b.dense()?).map(Value::Dense),
        BinaryOp::Inner => {
            let product = elementwise(a, b, |x, y| x * y)?;
            Ok(Value::scalar(total(product.dense()?)))
        }
        BinaryOp::Pow => power(a, b),
        BinaryOp::Less => compare(a, b, |x, y| x < y),
        BinaryOp::LessEq => compare(a, b, |x, y| x <= y),
        BinaryOp::Greater => compare(a, b, |x, y| x > y),
        BinaryOp::GreaterEq => compare(a, b, |x, y| x >= y),
        BinaryOp::Equal => compare(a, b, |x, y| x == y),
        BinaryOp::NotEqual => compare(a, b, |x, y| x != y),
    }
}

/// Whether two numbers are equal up to the rounding of a few operations: what is the same in exact arithmetic may be
/// computed in two orders.
pub(crate) fn same(x: f64, y: f64) -> bool {
    x == y || (x - y).abs() < 1e-13 * x.abs().max(y.abs())
}

fn compare<T: Scalar>(a: &Value<T>, b: &Value<T>, f: impl Fn(f64, f64) -> bool) -> Result<Value<T>> {
    elementwise(a, b, |x, y| if f(x.re(), y.re()) { T::ONE } else { T::ZERO })
}

pub(crate) fn total<T: Scalar>(a: &Array<T>) -> T {
    a.data().iter().fold(T::ZERO, |sum, x| sum + *x)
}

/// Equal shapes, or one of the two a scalar, or one of the two a constant that takes the other's shape.
pub(crate) fn elementwise<T: Scalar>(a: &Value<T>, b: &Value<T>, f: impl Fn(T, T) -> T) -> Result<Value<T>> {
    match (a, b) {
        (Value::Dense(x), Value::Dense(y)) => dense_elementwise(x, y, f).map(Value::Dense),
        (Value::Fill(x, form), Value::Fill(y, other)) if form == other => Ok(Value::Fill(f(*x, *y), *form)),
        (Value::Fill(x, form), Value::Dense(y)) if y.is_scalar() => Ok(Value::Fill(f(*x, y.first()), *form)),
        (Value::Dense(x), Value::Fill(y, form)) if x.is_scalar() => Ok(Value::Fill(f(x.first(), *y), *form)),
        (Value::Eye(x), Value::Eye(y)) if f(T::ZERO, T::ZERO).is_zero() => Ok(Value::Eye(f(*x, *y))),
        (Value::Eye(_), Value::Dense(y)) if y.is_scalar() => a.dense().map(|x| Value::Dense(x.clone())),
        (Value::Dense(x), Value::Eye(_)) if x.is_scalar() => b.dense().map(|y| Value::Dense(y.clone())),
        (_, Value::Dense(y)) => dense_elementwise(&a.with_shape(y.shape())?, y, f).map(Value::Dense),
        (Value::Dense(x), _) => dense_elementwise(x, &b.with_shape(x.shape())?, f).map(Value::Dense),
        _ => a.dense().map(|x| Value::Dense(x.clone())),
    }
}

fn hadamard<T: Scalar>(a: &Value<T>, b: &Value<T>) -> Result<Value<T>> {
    match (a, b) {
        (Value::Eye(x), _) if b.as_scalar().is_some() => Ok(Value::Eye(*x * b.need_scalar()?)),
        (_, Value::Eye(y)) if a.as_scalar().is_some() => Ok(Value::Eye(a.need_scalar()? * *y)),
        _ => elementwise(a, b, |x, y| x * y),
    }
}

fn dense_elementwise<T: Scalar>(a: &Array<T>, b: &Array<T>, f: impl Fn(T, T) -> T) -> Result<Array<T>> {
    if a.shape() == b.shape() {
        Ok(a.zip(b, f))
    } else if a.is_scalar() {
        let x = a.first();
        Ok(b.map(|y| f(x, y)))
    } else if b.is_scalar() {
        let y = b.first();
        Ok(a.map(|x| f(x, y)))
    } else {
        Err(differ(a.shape(), b.shape()))
    }
}

pub(crate) fn multiply<T: Scalar>(a: &Value<T>, b: &Value<T>) -> Result<Value<T>> {
    match (a, b) {
        (Value::Dense(x), Value::Dense(y)) => {
            if x.is_scalar() || y.is_scalar() {
                return dense_elementwise(x, y, |p, q| p * q).map(Value::Dense);
            }
            if x.rank() != 2 || y.rank() != 2 || x.cols() != y.rows() {
                let message = format!("cannot multiply shapes {} and {}", show(x.shape()), show(y.shape()));
                return Err(EvalError::shape(message));
            }
            checked(&[x.rows(), y.cols()])?;
            Ok(Value::Dense(x.matmul(y)))
        }
        (Value::Eye(x), Value::Eye(y)) => Ok(Value::Eye(*x * *y)),
        (Value::Eye(x), Value::Fill(y, form)) | (Value::Fill(y, form), Value::Eye(x)) => {
            Ok(Value::Fill(*x * *y, *form))
        }
        (Value::Eye(x), Value::Dense(y)) | (Value::Dense(y), Value::Eye(x)) => {
            if y.is_scalar() {
                return Ok(Value::Eye(*x * y.first()));
            }
            Ok(Value::Dense(y.map(|entry| entry * *x)))
        }
        (Value::Fill(x, form), Value::Dense(y)) | (Value::Dense(y), Value::Fill(x, form)) if y.is_scalar() => {
            Ok(Value::Fill(*x * y.first(), *form))
        }
        (Value::Fill(x, Form::Row), Value::Dense(y)) => multiply(&Value::Dense(Array::filled(&[1, y.rows()], *x)), b),
        (Value::Dense(x), Value::Fill(y, Form::Column)) if x.rank() == 2 => {
            multiply(a, &Value::Dense(Array::filled(&[x.cols(), 1], *y)))
        }
        // equal entries, however many the next factor asks for
        (Value::Dense(x), Value::Fill(y, Form::Matrix)) if x.rank() == 2 && x.rows() == 1 => {
            Ok(Value::Fill(sum_of(x) * *y, Form::Row))
        }
        (Value::Fill(x, Form::Matrix), Value::Dense(y)) if y.rank() == 2 && y.cols() == 1 => {
            Ok(Value::Fill(*x * sum_of(y), Form::Column))
        }
        _ => {
            a.dense()?;
            b.dense().map(|y| Value::Dense(y.clone()))
        }
    }
}

fn sum_of<T: Scalar>(x: &Array<T>) -> T {
    x.data().iter().fold(T::new(0.0), |sum, entry| sum + *entry)
}

fn left_divide<T: Scalar>(a: &Value<T>, b: &Value<T>) -> Result<Value<T>> {
    if let Some(x) = a.as_scalar() {
        return multiply(&Value::scalar(x.recip()), b);
    }
    if let Value::Eye(x) = a {
        return multiply(&Value::Eye(x.recip()), b);
    }
    let a = a.dense()?;
    let n = linalg::need_square(a, "solve")?;
    let right = match b {
        Value::Dense(right) => right.clone(),
        _ => b.with_shape(&[n, n])?,
    };
    linalg::solve(a, &right).map(Value::Dense)
}

pub(crate) fn inverse<T: Scalar>(a: &Value<T>) -> Result<Value<T>> {
    match a {
        Value::Eye(x) => Ok(Value::Eye(x.recip())),
        _ => {
            let a = a.dense()?;
            if a.is_scalar() {
                return Ok(Value::scalar(a.first().recip()));
            }
            linalg::inv(a).map(Value::Dense)
        }
    }
}

fn power<T: Scalar>(a: &Value<T>, b: &Value<T>) -> Result<Value<T>> {
    let exponent = b.need_scalar()?;
    if let Some(base) = a.as_scalar() {
        return Ok(Value::scalar(base.pow(exponent)));
    }
    let whole = exponent.re();
    if whole != whole.round() || whole.abs() > 1e6 {
        return Err(EvalError::shape("a matrix power needs a whole exponent; use .^ entry by entry"));
    }
    let base = if whole < 0.0 { inverse(a)? } else { a.clone() };
    let mut k = whole.abs() as u64;
    if let Value::Eye(x) = base {
        return Ok(Value::Eye(x.pow(T::new(k as f64))));
    }
    let mut square = base.dense()?.clone();
    let n = linalg::need_square(&square, "^")?;
    let mut result: Option<Array<T>> = None;
    while k > 0 {
        if k & 1 == 1 {
            result = Some(match result {
                Some(result) => result.matmul(&square),
                None => square.clone(),
            });
        }
        k >>= 1;
        if k > 0 {
            square = square.matmul(&square);
        }
    }
    Ok(Value::Dense(result.unwrap_or_else(|| Array::eye(n))))
}

pub(crate) fn kron<T: Scalar>(a: &Array<T>, b: &Array<T>) -> Result<Array<T>> {
    if a.rank() != 2 || b.rank() != 2 {
        return Err(EvalError::shape("a Kronecker product is of matrices"));
    }
    let (p, q) = (b.rows(), b.cols());
    let sizes = a.rows().checked_mul(p).zip(a.cols().checked_mul(q)).unwrap_or((usize::MAX, usize::MAX));
    checked(&[sizes.0, sizes.1])?;
    let mut data: SmallVec<[T; 1]> = SmallVec::with_capacity(sizes.0 * sizes.1);
    for j in 0..a.cols() {
        for l in 0..q {
            for i in 0..a.rows() {
                let x = a.at(i, j);
                if x.is_zero() {
                    data.extend(std::iter::repeat_n(T::ZERO, p));
                } else {
                    data.extend((0..p).map(|k| x * b.at(k, l)));
                }
            }
        }
    }
    Ok(Array::from_parts(Shape::from_buf([sizes.0, sizes.1]), data))
}

pub(crate) fn transpose<T: Scalar>(a: &Value<T>) -> Result<Value<T>> {
    match a {
        Value::Eye(_) => Ok(a.clone()),
        Value::Fill(x, Form::Column) => Ok(Value::Fill(*x, Form::Row)),
        Value::Fill(x, Form::Row) => Ok(Value::Fill(*x, Form::Column)),
        Value::Fill(..) => Ok(a.clone()),
        Value::Dense(array) if array.rank() == 2 => Ok(Value::Dense(array.transposed())),
        Value::Dense(array) => {
            Err(EvalError::shape(format!("a transpose is of a matrix, not of shape {}", show(array.shape()))))
        }
    }
}

/// The whole number that a subscript or a size is.
pub(crate) fn whole<T: Scalar>(a: &Value<T>) -> Result<i64> {
    let value = a.need_scalar()?.re();
    // sizes such as n*(n+1)/2 may carry rounding
    if (value - value.round()).abs() > 1e-9 || value.abs() > 1e15 {
        return Err(EvalError::shape(format!("a subscript or size is not a whole number: {value}")));
    }
    Ok(value.round() as i64)
}

pub(crate) fn size<T: Scalar>(a: &Value<T>) -> Result<usize> {
    usize::try_from(whole(a)?)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| EvalError::new(ErrorKind::Subscript, "a size is not positive"))
}

fn span<T: Scalar>(sub: Sub, args: &mut std::slice::Iter<'_, &Value<T>>, size: usize) -> Result<(usize, usize)> {
    let mut next = || args.next().map_or_else(|| Err(EvalError::shape("a subscript is missing")), |arg| whole(*arg));
    let (first, last) = match sub {
        Sub::All => return Ok((0, size)),
        Sub::At => {
            let at = next()?;
            (at, at)
        }
        Sub::Range => (next()?, next()?),
    };
    if first < 1 || last < first || last > size as i64 {
        let message = if first == last {
            format!("subscript {first} is outside 1:{size}")
        } else {
            format!("subscript {first}:{last} is outside 1:{size}")
        };
        return Err(EvalError::new(ErrorKind::Subscript, message));
    }
    Ok((first as usize - 1, last as usize))
}

/// `base[…]`; rows stay rows and columns stay columns. `args` are the numbers of the subscripts in order.
pub(crate) fn subscript<T: Scalar>(base: &Value<T>, subs: &[Sub], args: &[&Value<T>]) -> Result<Value<T>> {
    let base = base.dense()?;
    let mut args = args.iter();
    if let ([sub], 2) = (subs, base.rank()) {
        if !base.is_vector() {
            return Err(EvalError::shape(format!("one subscript on a matrix of shape {}", show(base.shape()))));
        }
        let (first, end) = span(*sub, &mut args, base.len())?;
        let picked = base.data()[first..end].iter().copied();
        return Ok(Value::Dense(if base.rows() == 1 && base.cols() > 1 {
            Array::matrix(1, end - first, picked)
        } else {
            Array::matrix(end - first, 1, picked)
        }));
    }
    if subs.len() != base.rank() {
        let message = format!("{} subscripts on an array of shape {}", subs.len(), show(base.shape()));
        return Err(EvalError::shape(message));
    }
    let mut spans: SmallVec<[(usize, usize); 4]> = SmallVec::new();
    for (sub, n) in subs.iter().zip(base.shape()) {
        spans.push(span(*sub, &mut args, *n)?);
    }
    let mut data: SmallVec<[T; 1]> = SmallVec::new();
    let mut at: SmallVec<[usize; 4]> = spans.iter().map(|s| s.0).collect();
    loop {
        let mut offset = 0;
        for (k, n) in at.iter().zip(base.shape()).rev() {
            offset = offset * n + k;
        }
        data.push(base.data()[offset]);
        let Some(axis) = (0..at.len()).find(|axis| at[*axis] + 1 < spans[*axis].1) else { break };
        at[axis] += 1;
        for axis in 0..axis {
            at[axis] = spans[axis].0;
        }
    }
    let shape: Shape = if base.rank() == 2 {
        spans.iter().map(|s| s.1 - s.0).collect()
    } else {
        // of an array with more axes a single subscript drops its axis
        let kept: SmallVec<[usize; 4]> =
            spans.iter().zip(subs).filter(|(_, sub)| **sub != Sub::At).map(|(s, _)| s.1 - s.0).collect();
        crate::value::two_axes(&kept)
    };
    Ok(Value::Dense(Array::from_parts(shape, data)))
}

/// `delta[i, j]`
pub(crate) fn delta<T: Scalar>(args: &[&Value<T>]) -> Result<Value<T>> {
    let mut equal = true;
    let mut first = None;
    for arg in args {
        let value = whole(*arg)?;
        equal &= *first.get_or_insert(value) == value;
    }
    Ok(Value::number(f64::from(equal)))
}

/// `eps[i, j, k]`
pub(crate) fn levi_civita<T: Scalar>(args: &[&Value<T>]) -> Result<Value<T>> {
    let n = args.len() as i64;
    let mut at: SmallVec<[i64; 4]> = SmallVec::new();
    for arg in args {
        at.push(whole(*arg)?);
    }
    let mut sign = 1.0;
    for k in 0..at.len() {
        if at[k] < 1 || at[k] > n || at[..k].contains(&at[k]) {
            return Ok(Value::number(0.0));
        }
        let inversions = at[..k].iter().filter(|earlier| **earlier > at[k]).count();
        if inversions % 2 == 1 {
            sign = -sign;
        }
    }
    Ok(Value::number(sign))
}

/// `[a, b, c]`: scalars stacked, anything else side by side.
pub(crate) fn column<T: Scalar>(entries: &[&Value<T>]) -> Result<Value<T>> {
    if entries.is_empty() {
        return Err(EvalError::shape("brackets are empty"));
    }
    if entries.iter().all(|entry| entry.as_scalar().is_some()) {
        return Ok(Value::Dense(Array::column(entries.iter().filter_map(|entry| entry.as_scalar()).collect())));
    }
    if let Some(heights) = dense_all(entries) {
        let one_height = heights.windows(2).all(|pair| pair[0].rows() == pair[1].rows());
        if !one_height && heights.iter().all(|block| block.cols() == 1) {
            return stack_rows(&heights.into_iter().cloned().collect::<Vec<_>>()).map(Value::Dense);
        }
    }
    beside(entries).map(Value::Dense)
}

fn dense_all<'v, T: Scalar>(entries: &[&'v Value<T>]) -> Option<Vec<&'v Array<T>>> {
    entries.iter().map(|entry| entry.dense().ok().filter(|array| array.rank() == 2)).collect()
}

fn beside<T: Scalar>(entries: &[&Value<T>]) -> Result<Array<T>> {
    let height = entries.iter().find_map(|entry| entry.dense().ok()).map(Array::rows);
    let Some(height) = height else { return Err(EvalError::shape("the size of I is not known")) };
    let mut data: SmallVec<[T; 1]> = SmallVec::new();
    for entry in entries {
        let block = match entry {
            Value::Dense(block) => block.clone(),
            Value::Fill(_, Form::Column) => entry.with_shape(&[height, 1])?,
            _ => entry.with_shape(&[height, height])?,
        };
        if block.rank() != 2 || block.rows() != height {
            let message = format!("blocks of {} and {height} rows stand side by side", block.rows());
            return Err(EvalError::shape(message));
        }
        data.extend_from_slice(block.data());
    }
    let width = data.len().checked_div(height).unwrap_or(0);
    checked(&[height, width])?;
    Ok(Array::matrix(height, width, data))
}

fn stack_rows<T: Scalar>(rows: &[Array<T>]) -> Result<Array<T>> {
    let Some(first) = rows.first() else { return Err(EvalError::shape("brackets are empty")) };
    let width = first.cols();
    if let Some(other) = rows.iter().find(|row| row.cols() != width) {
        let message = format!("blocks of {width} and {} columns stand one above the other", other.cols());
        return Err(EvalError::shape(message));
    }
    let height = rows.iter().map(Array::rows).sum();
    checked(&[height, width])?;
    let mut data: SmallVec<[T; 1]> = SmallVec::with_capacity(height * width);
    for j in 0..width {
        for row in rows {
            data.extend_from_slice(&row.data()[j * row.rows()..(j + 1) * row.rows()]);
        }
    }
    Ok(Array::from_parts(Shape::from_buf([height, width]), data))
}

/// `[A, B; C, D]`
pub(crate) fn rows<T: Scalar>(lengths: &[u32], entries: &[&Value<T>]) -> Result<Value<T>> {
    let mut rest = entries;
    let mut parts: Vec<&[&Value<T>]> = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (row, others) = rest.split_at_checked(*length as usize).unwrap_or((rest, &[]));
        parts.push(row);
        rest = others;
    }
    let zeros = zero_blocks(&parts);
    if !zeros.is_empty() {
        let replaced: Vec<&Value<T>> =
            entries.iter().enumerate().map(|(k, entry)| zeros.get(&k).unwrap_or(entry)).collect();
        return rows(lengths, &replaced);
    }
    // a row of one constant takes its size from the column
    let width = parts.iter().find_map(|row| match row {
        [Value::Dense(block)] => Some(block.cols()),
        _ => None,
    });
    let mut done = Vec::with_capacity(parts.len());
    for row in parts {
        done.push(match (row, width) {
            ([Value::Eye(_)], Some(width)) => row[0].with_shape(&[width, width])?,
            ([Value::Fill(_, Form::Row)], Some(width)) => row[0].with_shape(&[1, width])?,
            _ => beside(row)?,
        });
    }
    stack_rows(&done).map(Value::Dense)
}

/// Zeros of the size of their row and column, for each 0 among blocks, by its place.
fn zero_blocks<T: Scalar>(parts: &[&[&Value<T>]]) -> FxHashMap<usize, Value<T>> {
    let mut found = FxHashMap::default();
    let columns = parts.first().map_or(0, |row| row.len());
    if columns == 0 || parts.iter().any(|row| row.len() != columns) {
        return found;
    }
    let block = |r: usize, c: usize| parts[r][c].dense().ok().filter(|a| a.rank() == 2 && !a.is_scalar());
    let height_of = |r: usize| (0..columns).find_map(|c| block(r, c)).map(Array::rows);
    let width_of = |c: usize| (0..parts.len()).find_map(|r| block(r, c)).map(Array::cols);
    for (r, row) in parts.iter().enumerate() {
        for (c, entry) in row.iter().enumerate() {
            if entry.as_scalar().is_some_and(|x| x.is_zero())
                && let size @ (Some(_), _) | size @ (_, Some(_)) = (height_of(r), width_of(c))
                && let (height, width) = (size.0.unwrap_or(1), size.1.unwrap_or(1))
                && height * width > 1
            {
                found.insert(r * columns + c, Value::Dense(Array::zeros(&[height, width])));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column_of(values: &[f64]) -> Value<f64> {
        Value::Dense(Array::column(values.to_vec()))
    }

    fn data(value: Result<Value<f64>>) -> Vec<f64> {
        value.unwrap().dense().unwrap().data().to_vec()
    }

    #[test]
    fn scalars_broadcast_and_vectors_do_not() {
        let x = column_of(&[1.0, 2.0]);
        assert_eq!(data(binary(BinaryOp::Add, &x, &Value::number(1.0))), [2.0, 3.0]);
        let row = transpose(&x).unwrap();
        assert_eq!(binary(BinaryOp::Add, &x, &row).unwrap_err().message, "shapes 2×1 and 1×2 differ");
        assert_eq!(data(binary(BinaryOp::Mul, &x, &row)), [1.0, 2.0, 2.0, 4.0]);
        assert_eq!(data(binary(BinaryOp::Inner, &x, &x)), [5.0]);
    }

    #[test]
    fn constants_take_their_size_from_the_other_side() {
        let a = Value::Dense(Array::matrix(2, 2, [1.0, 2.0, 3.0, 4.0]));
        let eye = binary(BinaryOp::Mul, &Value::number(2.0), &Value::Eye(1.0)).unwrap();
        assert_eq!(data(binary(BinaryOp::Add, &a, &eye)), [3.0, 2.0, 3.0, 6.0]);
        let ones = Value::Fill(1.0, Form::Column);
        assert_eq!(data(binary(BinaryOp::Mul, &a, &ones)), [4.0, 6.0]);
        assert_eq!(data(binary(BinaryOp::Mul, &transpose(&ones).unwrap(), &a)), [3.0, 7.0]);
        let (x, y) =
            (Value::Dense(Array::matrix(1, 2, [1.0, 2.0])), Value::Dense(Array::matrix(3, 1, [1.0, 2.0, 4.0])));
        let ones = Value::Fill(2.0, Form::Matrix);
        let row = binary(BinaryOp::Mul, &x, &ones).unwrap();
        let column = binary(BinaryOp::Mul, &ones, &y).unwrap();
        assert_eq!(data(binary(BinaryOp::Mul, &row, &y)), [42.0]);
        assert_eq!(data(binary(BinaryOp::Mul, &x, &column)), [42.0]);
        assert!(binary(BinaryOp::Add, &Value::Eye(1.0), &Value::number(1.0)).is_err());
    }

    #[test]
    fn powers_of_matrices() {
        let a = Value::Dense(Array::matrix(2, 2, [2.0, 0.0, 0.0, 4.0]));
        assert_eq!(data(binary(BinaryOp::Pow, &a, &Value::number(3.0))), [8.0, 0.0, 0.0, 64.0]);
        assert_eq!(data(binary(BinaryOp::Pow, &a, &Value::number(-1.0))), [0.5, 0.0, 0.0, 0.25]);
        assert_eq!(data(binary(BinaryOp::Pow, &a, &Value::number(0.0))), [1.0, 0.0, 0.0, 1.0]);
        assert!(binary(BinaryOp::Pow, &a, &Value::number(0.5)).is_err());
    }

    #[test]
    fn kronecker_and_blocks() {
        let a = Array::matrix(1, 2, [1.0, 2.0]);
        let b = Array::matrix(2, 1, [3.0, 4.0]);
        assert_eq!(kron(&a, &b).unwrap().data(), [3.0, 4.0, 6.0, 8.0]);
        let x = column_of(&[1.0, 2.0]);
        assert_eq!(column(&[&x, &x]).unwrap().dense().unwrap().shape(), [2, 2]);
        assert_eq!(rows(&[1, 1], &[&x, &x]).unwrap().dense().unwrap().shape(), [4, 1]);
        let a = Value::Dense(Array::matrix(2, 2, [1.0, 2.0, 3.0, 4.0]));
        assert_eq!(rows(&[2, 2], &[&a, &Value::Eye(1.0), &a, &a]).unwrap().dense().unwrap().shape(), [4, 4]);
        let zero = Value::number(0.0);
        assert_eq!(rows(&[2, 2], &[&a, &x, &zero, &Value::number(5.0)]).unwrap().dense().unwrap().shape(), [3, 3]);
        assert_eq!(rows(&[2, 2], &[&a, &zero, &zero, &a]).unwrap().dense().unwrap().shape(), [4, 4]);
    }

    #[test]
    fn subscripts_keep_rows_and_columns() {
        let a = Value::Dense(Array::matrix(2, 3, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let (one, two, three) = (Value::number(1.0), Value::number(2.0), Value::number(3.0));
        assert_eq!(subscript(&a, &[Sub::At, Sub::All], &[&two]).unwrap().dense().unwrap().shape(), [1, 3]);
        assert_eq!(data(subscript(&a, &[Sub::All, Sub::Range], &[&two, &three])), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(data(subscript(&a, &[Sub::At, Sub::At], &[&one, &three])), [5.0]);
        assert_eq!(subscript(&a, &[Sub::At, Sub::At], &[&three, &one]).unwrap_err().kind, ErrorKind::Subscript);
        let t = Value::Dense(Array::new(&[2, 2, 2], (1..=8).map(f64::from).collect()).unwrap());
        assert_eq!(data(subscript(&t, &[Sub::At, Sub::All, Sub::At], &[&two, &one])), [2.0, 4.0]);
    }

    #[test]
    fn structural_tensors() {
        let n: Vec<Value<f64>> = (0..4).map(|k| Value::number(f64::from(k))).collect();
        assert_eq!(data(levi_civita(&[&n[1], &n[2], &n[3]])), [1.0]);
        assert_eq!(data(levi_civita(&[&n[2], &n[1], &n[3]])), [-1.0]);
        assert_eq!(data(levi_civita(&[&n[2], &n[2], &n[3]])), [0.0]);
        assert_eq!(data(delta(&[&n[2], &n[2]])), [1.0]);
    }
}
