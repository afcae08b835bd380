//! Data for a case: random members of the domains it names, at the sizes it names.

use std::collections::BTreeMap;

use matgrad::{Array, Inputs, Random, Text};
use matgrad_calculus::infer;

/// A sequence of its own for each name.
pub fn sequence(name: &str) -> Random {
    let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    Random::new(name.bytes().fold(0x9e37_79b9_7f4a_7c15, mix))
}

/// Data for all variables of a text.
pub fn data(
    text: &Text,
    dims: &BTreeMap<String, usize>,
    domains: &BTreeMap<String, String>,
    random: &mut Random,
) -> Inputs {
    let (_, script) = text.read().expect("a text in the language");
    let analysis = infer::analyze(&script, &infer::Options::default()).expect("a text with shapes");
    let sizes = dims.iter().map(|(name, size)| (name.as_str().into(), *size)).collect();
    let mut inputs = Inputs::new();
    for variable in &analysis.variables {
        let mut shape: Vec<usize> = Vec::new();
        for dim in &variable.dims {
            shape.push(analysis.graph.sizes.evaluate(*dim, &sizes).expect("a size"));
        }
        let domain = domains.get(&*variable.name).map_or("general", String::as_str);
        inputs.insert(&variable.name, member(&shape, domain, random));
    }
    inputs
}

/// A random member of a domain.
pub fn member(shape: &[usize], domain: &str, random: &mut Random) -> Array {
    let n = shape.first().copied().unwrap_or(1);
    let plain = Array::from_fn(shape, |_| random.normal());
    let at = |i: usize, j: usize| plain.get(&[i, j]).unwrap_or(0.0);
    match domain {
        "small" => Array::from_fn(shape, |_| 0.3 * random.normal()),
        "positive" => Array::from_fn(shape, |_| 0.5 + random.uniform()),
        "unitinterval" => Array::from_fn(shape, |_| 0.1 + 0.8 * random.uniform()),
        "invertible" => {
            let largest: f64 = plain.data().iter().map(|x| x * x).sum::<f64>().sqrt();
            Array::from_fn(shape, |i| at(i[0], i[1]) / largest + if i[0] == i[1] { 2.0 } else { 0.0 })
        }
        "sym" => Array::from_fn(shape, |i| (at(i[0], i[1]) + at(i[1], i[0])) / 2.0),
        "spd" => Array::from_fn(shape, |i| {
            let dot: f64 = (0..n).map(|k| at(i[0], k) * at(i[1], k)).sum();
            dot / n as f64 + if i[0] == i[1] { 1.0 } else { 0.0 }
        }),
        "skew" => Array::from_fn(shape, |i| at(i[0], i[1]) - at(i[1], i[0])),
        "diagonal" => Array::from_fn(shape, |i| if i[0] == i[1] { 0.5 + random.uniform() } else { 0.0 }),
        "lower" | "upper" => Array::from_fn(shape, |i| {
            let (row, column) = if domain == "lower" { (i[0], i[1]) } else { (i[1], i[0]) };
            match row.cmp(&column) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => 0.5 + random.uniform(),
                std::cmp::Ordering::Greater => at(i[0], i[1]),
            }
        }),
        "positivediagonal" => Array::from_fn(shape, |i| if i[0] == i[1] { 0.5 + at(i[0], i[1]).abs() } else { 0.0 }),
        // a reflection
        "orthogonal" => {
            let square: f64 = (0..n).map(|k| at(k, 0) * at(k, 0)).sum();
            Array::from_fn(shape, |i| f64::from(u8::from(i[0] == i[1])) - 2.0 * at(i[0], 0) * at(i[1], 0) / square)
        }
        "general" => plain,
        other => panic!("unknown domain {other}"),
    }
}
