//! One function of many problems: some arrays of the data have an axis more, first, that counts the problems.

use matgrad_eval::{Array, Inputs};
use matgrad_syntax::Name;

/// How many problems the arrays of these names hold.
///
/// # Errors
/// An array that is not there, that has no axes, or that holds another number of problems.
pub(crate) fn count(data: &Inputs, batched: &[Name]) -> Result<usize, String> {
    let mut found: Option<(&Name, usize)> = None;
    for name in batched {
        let array = data.get(name).ok_or_else(|| format!("the data has no array for `{name}`"))?;
        let count = array.shape().first().copied();
        let count = count.ok_or_else(|| format!("`{name}` is a number, which holds no batch of problems"))?;
        match found {
            Some((first, known)) if known != count => {
                return Err(format!("`{first}` holds {known} problems along its first axis, `{name}` {count}"));
            }
            _ => found = Some((name, count)),
        }
    }
    Ok(found.map_or(1, |(_, count)| count))
}

/// The data of one problem; zeros in place of what the batch does not hold.
pub(crate) fn problem(data: &Inputs, batched: &[Name], k: usize) -> Inputs {
    let mut one = data.clone();
    for name in batched {
        if let Some(array) = one.get_mut(name) {
            *array = part(array, k);
        }
    }
    one
}

/// An array's part at a place of its first axis.
pub(crate) fn part(array: &Array, k: usize) -> Array {
    let shape = array.shape().get(1..).unwrap_or(&[]);
    let length: usize = shape.iter().product();
    let entries = array.data().get(k * length..(k + 1) * length);
    let part = entries.and_then(|entries| Array::new(shape.to_vec(), entries.to_vec()));
    part.unwrap_or_else(|| Array::zeros(shape)).in_precision(array.precision())
}

/// Arrays of one shape along a new first axis; `like` has the shape where there are none.
pub(crate) fn stack(parts: &[Array], like: &Array) -> Array {
    let shape = parts.first().unwrap_or(like).shape();
    let shape = std::iter::once(parts.len()).chain(shape.iter().copied()).collect();
    let entries = parts.iter().flat_map(|part| part.data().iter().copied()).collect();
    Array::new(shape, entries).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_stacks() {
        let mut data = Inputs::new();
        let x = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("a shape");
        data.insert("x", x.clone());
        data.insert("y", Array::vector(vec![7.0, 8.0, 9.0]));
        data.insert("c", Array::scalar(1.0));
        assert_eq!(count(&data, &["x".into()]), Ok(2));
        assert!(count(&data, &["x".into(), "y".into()]).is_err_and(|e| e.contains("`y` 3")));
        assert!(count(&data, &["c".into()]).is_err() && count(&data, &["z".into()]).is_err());
        let parts = [part(&x, 0), part(&x, 1)];
        assert_eq!(parts[1].data(), [4.0, 5.0, 6.0]);
        assert_eq!(stack(&parts, &parts[0]), x);
        assert_eq!(problem(&data, &["x".into()], 5).get("x").map(Array::data), Some(&[0.0; 3][..]));
        assert_eq!(stack(&[], &parts[0]).shape(), [0, 3]);
    }
}
