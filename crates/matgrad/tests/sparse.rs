//! Sparse derivatives against dense ones: cases as data, in `tests/suite/sparse.tsv`.

use matgrad::{Array, Csr, Evaluation, Inputs, Layout, Text};

struct Case {
    name: String,
    script: String,
    wrt: Vec<String>,
    order: usize,
    layout: Layout,
    entries: usize,
}

fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suite/sparse.tsv");
    let text = std::fs::read_to_string(path).expect("the cases");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [name, script, wrt, order, layout, entries] = cells.as_slice() else { panic!("{line}") };
            Case {
                name: (*name).into(),
                script: script.replace(
                    ";; ", "
",
                ),
                wrt: wrt.split(',').map(Into::into).collect(),
                order: order.parse().expect("an order"),
                layout: Layout::parse(layout).expect("a layout"),
                entries: entries.parse().expect("a number"),
            }
        })
        .collect()
}

/// Numbers that repeat from run to run.
fn data(n: usize) -> Inputs {
    let mut state = 12345u64;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1u64 << 31) as f64 - 0.5
    };
    let mut inputs = Inputs::new();
    for (name, shape) in [
        ("x", vec![n]),
        ("y", vec![n]),
        ("U", vec![n, n]),
        ("A", vec![n, n]),
        ("D", vec![n, 3]),
        ("V", vec![n, 2]),
        ("W", vec![n, 2]),
        ("c", vec![]),
        ("s", vec![]),
    ] {
        inputs.insert(name, Array::from_fn(&shape, |_| next()));
    }
    let picks = Array::from_fn(&[2 * n], |at| ((at[0] * 7 + 3) % n.max(1) + 1) as f64);
    inputs.insert("pick", picks);
    inputs
}

fn evaluation(case: &Case) -> Evaluation {
    let mut evaluation = Evaluation::new(Text::script("case.mg", case.script.as_str()));
    evaluation.wrt = case.wrt.clone();
    evaluation.orders = vec![case.order];
    evaluation.layout = case.layout;
    evaluation
}

/// The dense derivative, by several variables put together from those by each.
fn dense(case: &Case, inputs: &Inputs) -> Option<Array> {
    if case.wrt.len() == 1 {
        let mut results = evaluation(case).plan(inputs).ok()?.run(inputs).ok()?;
        return Some(results.pop()?.1);
    }
    let turned = case.layout == Layout::Denominator;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for wrt in &case.wrt {
        let one = Case { wrt: vec![wrt.clone()], order: 1, layout: Layout::Jacobian, ..copy(case) };
        let array = evaluation(&one).plan(inputs).ok()?.run(inputs).ok()?.pop()?.1;
        let [p, q] = *array.shape() else { return None };
        for j in 0..q {
            rows.push((0..p).filter_map(|i| array.get(&[i, j])).collect());
        }
    }
    let (m, n) = (rows.len(), rows.first()?.len());
    let at = |i: usize, j: usize| rows[i][j];
    if case.order == 2 {
        return None;
    }
    Some(if turned { Array::from_fn(&[m, n], |k| at(k[0], k[1])) } else { Array::from_fn(&[n, m], |k| at(k[1], k[0])) })
}

fn copy(case: &Case) -> Case {
    Case { name: case.name.clone(), script: case.script.clone(), wrt: case.wrt.clone(), ..*case }
}

fn sparse(case: &Case, inputs: &Inputs) -> Result<Csr, String> {
    let plan = evaluation(case).sparse().plan(inputs).map_err(|e| e.render(false))?;
    let (_, mut matrices) = plan.run_sparse(inputs).map_err(|e| e.render(false))?;
    // a second run in the same memory gives the same
    let mut memory = plan.memory();
    for _ in 0..2 {
        plan.execute(inputs, &mut memory).map_err(|e| e.render(false))?;
    }
    let (_, matrix) = matrices.pop().ok_or("no matrix")?;
    assert_eq!(memory.matrices.last(), Some(&matrix), "{}: the second run differs", case.name);
    Ok(matrix)
}

fn check(matrix: &Csr, expected: &Array, what: &str) {
    assert_eq!(matrix.shape().as_slice(), expected.shape(), "{what}");
    let largest = expected.data().iter().fold(1.0f64, |m, x| m.max(x.abs()));
    let found = matrix.to_dense();
    for (k, (a, b)) in found.data().iter().zip(expected.data()).enumerate() {
        assert!((a - b).abs() <= 1e-11 * largest, "{what}: entry {k} is {a}, not {b}");
    }
    for i in 0..matrix.shape()[0] {
        let (columns, _) = matrix.row(i);
        assert!(columns.windows(2).all(|w| w[0] < w[1]), "{what}: row {i} has the columns {columns:?}");
    }
}

#[test]
fn every_case_agrees_with_the_dense_derivative() {
    for case in cases() {
        // loops with many turns are machine code, in blocks of which the last is not full
        let square = ["n x n", "D in", "V in", "W in"].iter().any(|shape| case.script.contains(shape));
        let sizes: &[usize] = match (case.order, square) {
            (_, false) => &[0, 1, 2, 5, 7, 301],
            (1, true) if case.name.starts_with("picked") => &[0, 1, 2, 5, 7, 150],
            _ => &[0, 1, 2, 5, 7],
        };
        for &n in sizes {
            let inputs = data(n);
            let what = format!("{} (n = {n})", case.name);
            match (sparse(&case, &inputs), dense(&case, &inputs)) {
                (Ok(matrix), Some(expected)) => {
                    check(&matrix, &expected, &what);
                    if n == 5 {
                        assert_eq!(matrix.entries(), case.entries, "{what}: {:?}", matrix.indices());
                    }
                }
                (Err(message), Some(_)) => panic!("{what}: {message}"),
                // by several variables there is no dense Hessian to compare with: differences of the gradient
                (Ok(_), None) if n > 100 => {}
                (Ok(matrix), None) if n > 1 => {
                    assert!(case.wrt.len() > 1 && case.order == 2, "{what}: no dense derivative");
                    check(&matrix, &differences(&case, &inputs), &what);
                }
                (Err(message), None) => assert!(n <= 1, "{what}: {message}"),
                _ => {}
            }
        }
    }
}

/// The joint Hessian from its blocks: a Hessian-vector product a column.
fn differences(case: &Case, inputs: &Inputs) -> Array {
    let gradient = |inputs: &Inputs| -> Vec<f64> {
        let mut all = Vec::new();
        for wrt in &case.wrt {
            let one = Case { wrt: vec![wrt.clone()], order: 1, layout: Layout::Gradient, ..copy(case) };
            let results = evaluation(&one).plan(inputs).expect("a plan").run(inputs).expect("a run");
            all.extend_from_slice(results.last().expect("a gradient").1.data());
        }
        all
    };
    let mut columns = Vec::new();
    for wrt in &case.wrt {
        let array = inputs.get(wrt).expect("data").clone();
        for k in 0..array.data().len() {
            let at = |by: f64| {
                let mut moved = array.clone();
                moved.data_mut()[k] += by;
                let mut inputs = inputs.clone();
                inputs.insert(wrt, moved);
                gradient(&inputs)
            };
            // Richardson, so that the error is far below what is asked for
            let h = 1e-2;
            let slope = |h: f64| -> Vec<f64> { at(h).iter().zip(at(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect() };
            let (a, b, c, d) = (slope(h), slope(h / 2.0), slope(h / 4.0), slope(h / 8.0));
            let column: Vec<f64> = (0..a.len())
                .map(|i| {
                    let (x, y, z) = ((4.0 * b[i] - a[i]) / 3.0, (4.0 * c[i] - b[i]) / 3.0, (4.0 * d[i] - c[i]) / 3.0);
                    let (x, y) = ((16.0 * y - x) / 15.0, (16.0 * z - y) / 15.0);
                    (64.0 * y - x) / 63.0
                })
                .collect();
            columns.push(column);
        }
    }
    Array::from_fn(&[columns.len(), columns.len()], |k| columns[k[1]][k[0]])
}

#[test]
fn there_are_cases() {
    assert!(cases().len() > 40);
}
