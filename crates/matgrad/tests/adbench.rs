//! The objectives of ADBench, as the comparison has them: small sizes against differences, larger ones by several engines.

use matgrad::{Array, Engine, Evaluation, Inputs, Layout, Text};

/// Names and arrays.
type Data = Vec<(&'static str, Array)>;

/// Script, variables, and the shapes of the data by the sizes of a case.
struct Objective {
    script: &'static str,
    wrt: &'static [&'static str],
    data: fn(&[usize], &mut Draw) -> Data,
    /// Sizes for differences, and for engines.
    small: &'static [&'static [usize]],
    large: &'static [&'static [usize]],
}

struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn array(&mut self, shape: &[usize]) -> Array {
        Array::from_fn(shape, |_| self.next() - 0.5)
    }

    /// Positions from 1 to a number.
    fn picks(&mut self, count: usize, n: usize) -> Array {
        Array::from_fn(&[count], |_| (self.next() * n as f64).floor() + 1.0)
    }
}

fn mixture(sizes: &[usize], draw: &mut Draw) -> Data {
    let [n, d, k] = *sizes else { unreachable!("three sizes") };
    let shapes: [(&str, &[usize]); 7] =
        [("al", &[k]), ("mu", &[k, d]), ("D", &[k, d]), ("L", &[k, d, d]), ("x", &[n, d]), ("g", &[]), ("w", &[])];
    shapes.into_iter().map(|(name, shape)| (name, draw.array(shape))).collect()
}

fn bundle(sizes: &[usize], draw: &mut Draw) -> Data {
    let [cameras, points, p] = *sizes else { unreachable!("three sizes") };
    let mut all = vec![("cams", draw.array(&[cameras, 11])), ("w", draw.array(&[p])), ("feats", draw.array(&[p, 2]))];
    // in front of the cameras
    let mut ahead = draw.array(&[points, 3]);
    ahead.data_mut().chunks_mut(3).for_each(|x| x[2] += 4.0);
    all.push(("X", ahead));
    all.push(("cam", draw.picks(p, cameras)));
    all.push(("pt", draw.picks(p, points)));
    all
}

fn lstm(sizes: &[usize], draw: &mut Draw) -> Data {
    let [m, b] = *sizes else { unreachable!("two sizes") };
    let mut all: Vec<(&str, Array)> = ["W1", "B1", "W2", "B2"].map(|name| (name, draw.array(&[4, b]))).into();
    all.push(("E", draw.array(&[3, b])));
    all.push(("s0", draw.array(&[4 * b])));
    all.extend(["X", "Y"].map(|name| (name, draw.array(&[m, b]))));
    all
}

const OBJECTIVES: [Objective; 3] = [
    Objective {
        script: "gmm.mg",
        wrt: &["al", "mu", "D", "L"],
        data: mixture,
        small: &[&[0, 2, 3], &[1, 1, 1], &[1, 3, 2], &[5, 2, 3], &[4, 1, 2], &[2, 0, 2]],
        large: &[&[1009, 7, 24], &[700, 16, 13], &[2000, 3, 30]],
    },
    Objective {
        script: "bundle.mg",
        wrt: &["cams", "X", "w"],
        data: bundle,
        small: &[&[0, 0, 0], &[1, 1, 0], &[1, 1, 1], &[2, 3, 1], &[2, 3, 5]],
        large: &[&[3, 5, 300]],
    },
    Objective {
        script: "lstm.mg",
        wrt: &["W1", "B1", "W2", "B2", "E"],
        data: lstm,
        small: &[&[1, 1], &[2, 1], &[3, 2], &[11, 3]],
        large: &[&[30, 5]],
    },
];

impl Objective {
    fn inputs(&self, sizes: &[usize]) -> Inputs {
        let mut inputs = Inputs::new();
        (self.data)(sizes, &mut Draw(7)).into_iter().for_each(|(name, array)| {
            inputs.insert(name, array);
        });
        inputs
    }

    fn evaluation(&self) -> Evaluation {
        let path = format!("{}/../matgrad-cli/workloads/{}", env!("CARGO_MANIFEST_DIR"), self.script);
        let text = std::fs::read_to_string(path).expect("a script");
        Evaluation { layout: Layout::Tensor, ..Evaluation::new(Text::script(self.script, text)) }
    }

    /// The derivative by each variable, row by row.
    fn derivatives(&self, inputs: &Inputs, engine: Engine) -> Vec<Vec<f64>> {
        let by = |wrt: &str| {
            let evaluation = Evaluation { engine, value: false, ..self.evaluation().by(wrt, 1..=1) };
            let found = evaluation.plan(inputs).and_then(|plan| plan.run(inputs));
            let found = found.unwrap_or_else(|failure| panic!("{}: {}", self.script, failure.render(false)));
            found.into_iter().next_back().expect("a derivative").1.into_data()
        };
        self.wrt.iter().map(|wrt| by(wrt)).collect()
    }

    fn value(&self, inputs: &Inputs) -> Vec<f64> {
        let found = self.evaluation().plan(inputs).and_then(|plan| plan.run(inputs)).expect("a value");
        found.into_iter().next_back().expect("a value").1.into_data()
    }
}

fn close(found: &[f64], wanted: &[f64], bound: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let largest = wanted.iter().fold(1.0f64, |most, x| most.max(x.abs()));
    for (k, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= bound * largest, "{what}: entry {k} is {a}, not {b}");
    }
}

#[test]
fn small_sizes_agree_with_differences() {
    for objective in &OBJECTIVES {
        for sizes in objective.small {
            let inputs = objective.inputs(sizes);
            let derivatives = objective.derivatives(&inputs, Engine::Auto);
            for (wrt, found) in objective.wrt.iter().zip(&derivatives) {
                let array = inputs.get(wrt).expect("data").clone();
                let count = array.data().len();
                let mut wanted = vec![0.0; found.len()];
                for k in 0..count {
                    let at = |by: f64| {
                        let (mut moved, mut inputs) = (array.clone(), inputs.clone());
                        moved.data_mut()[k] += by;
                        inputs.insert(wrt, moved);
                        objective.value(&inputs)
                    };
                    let h = 1e-3;
                    let (near, far) = ((at(h), at(-h)), (at(2.0 * h), at(-2.0 * h)));
                    for i in 0..near.0.len() {
                        let slope = (8.0 * (near.0[i] - near.1[i]) - (far.0[i] - far.1[i])) / (12.0 * h);
                        wanted[i * count + k] = slope;
                    }
                }
                close(found, &wanted, 1e-7, &format!("{} {sizes:?} by {wrt}", objective.script));
            }
        }
    }
}

#[test]
fn engines_agree() {
    for objective in &OBJECTIVES {
        for sizes in objective.large {
            let inputs = objective.inputs(sizes);
            let wanted = objective.derivatives(&inputs, Engine::Steps);
            for engine in [Engine::Auto, Engine::Loops] {
                let found = objective.derivatives(&inputs, engine);
                for ((found, wanted), wrt) in found.iter().zip(&wanted).zip(objective.wrt) {
                    close(found, wanted, 1e-12, &format!("{} {sizes:?} by {wrt}, {engine:?}", objective.script));
                }
            }
        }
    }
}

#[test]
fn the_sparse_jacobian_is_the_dense_one() {
    let objective = &OBJECTIVES[1];
    for sizes in objective.small.iter().chain(objective.large) {
        let inputs = objective.inputs(sizes);
        for (wrt, dense) in objective.wrt.iter().zip(objective.derivatives(&inputs, Engine::Auto)) {
            let evaluation = Evaluation { layout: Layout::Jacobian, ..objective.evaluation().by(*wrt, 1..=1).sparse() };
            let (_, matrices) = evaluation.plan(&inputs).and_then(|plan| plan.run_sparse(&inputs)).expect("a matrix");
            let matrix = &matrices.last().expect("a matrix").1;
            let shape = inputs.get(wrt).expect("data").shape().to_vec();
            let (p, own) = (sizes[2], shape.iter().product::<usize>());
            let found = matrix.to_dense();
            // columns of the Jacobian count down the columns of the variable, rows down those of the function
            let mut wanted = vec![0.0; found.data().len()];
            for (at, value) in dense.iter().enumerate() {
                let (i, k, column) = (at / own.max(1) / 2, at / own.max(1) % 2, at % own.max(1));
                let width = shape.get(1).copied().unwrap_or(1);
                let column = column % width * shape[0] + column / width;
                wanted[(k * p + i) * own + column] = *value;
            }
            close(found.data(), &wanted, 1e-12, &format!("{sizes:?} by {wrt}"));
        }
    }
}

/// The body of an observation is differentiated as code: a tensor of its derivative would be many times as long.
#[test]
fn the_sparse_jacobian_is_short() {
    let objective = &OBJECTIVES[1];
    let inputs = objective.inputs(&[3, 5, 300]);
    let evaluation =
        Evaluation { value: false, ..objective.evaluation().by("cams", 1..=1).by("X", 1..=1).by("w", 1..=1) };
    let evaluation = Evaluation { layout: Layout::Jacobian, ..evaluation.sparse() };
    let plan = evaluation.plan(&inputs).expect("a plan");
    assert!(plan.flops() < 600.0 * 300.0, "{}", plan.listing());
}
