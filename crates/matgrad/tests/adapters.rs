//! Matrices of other libraries in and out, and a problem for a minimizer: `cargo test -p matgrad --test adapters
//! --features argmin,faer,nalgebra,ndarray`.

use argmin::core::{Executor, State};
use argmin::solver::gradientdescent::SteepestDescent;
use argmin::solver::linesearch::MoreThuenteLineSearch;
use matgrad::symbols::{FromArray, Function, Objective, View, compile, matrix, vector};
use matgrad::{Array, Inputs};

/// `A*x`, and the derivative of its squared norm by A.
fn function() -> Function {
    let (a, x) = (matrix("A", "m", "n"), vector("x", "n"));
    let product = &a * &x;
    compile(&[&product, &product.norm().pow(2).gradient(&a).expect("a gradient")]).expect("a function")
}

const VALUE: [f64; 2] = [8.0, 26.0];
const GRADIENT: [[f64; 3]; 2] = [[16.0, 32.0, 16.0], [52.0, 104.0, 52.0]];

#[test]
fn nalgebra() {
    use nalgebra::{DMatrix, DVector};
    let a = DMatrix::from_row_slice(2, 3, &[1.0, 2.0, 3.0, 5.0, 8.0, 5.0]);
    let x = DVector::from_vec(vec![1.0, 2.0, 1.0]);
    assert!(!View::from(&a).is_copy());
    let results = function().call_views(&[View::from(&a), View::from(&x)]).expect("results");
    assert_eq!(DVector::from_array(&results[0]), Some(&a * &x));
    let gradient = DMatrix::from_array(&results[1]).expect("a matrix");
    assert_eq!(gradient, 2.0 * (&a * &x) * x.transpose());
    assert_eq!(DVector::from_array(&results[1]), None);
}

#[test]
fn ndarray() {
    use ndarray::{Array1, Array2, ArrayD, ShapeBuilder, array, s};
    let x = array![1.0, 2.0, 1.0];
    let rows = array![[1.0, 2.0, 3.0], [4.0, 9.0, 4.0]];
    let columns = Array2::from_shape_fn((2, 3).f(), |at| rows[at]);
    let wide = Array2::from_shape_fn((2, 6), |(i, j)| rows[(i, j / 2)]);
    let part = wide.slice(s![.., ..;2]);
    assert!(!View::from(&rows).is_copy() && !View::from(&columns).is_copy() && View::from(part).is_copy());
    for view in [View::from(&rows), View::from(&columns), View::from(part)] {
        let results = function().call_views(&[view, View::from(&x)]).expect("results");
        assert_eq!(Array1::from_array(&results[0]), Some(array![VALUE[0], VALUE[1]]));
        assert_eq!(Array2::from_array(&results[1]), Some(Array2::from(GRADIENT.to_vec())));
        assert_eq!(ArrayD::from_array(&results[0]).map(|array| array.ndim()), Some(1));
    }
}

#[test]
fn faer() {
    use faer::Mat;
    let rows = [[1.0, 2.0, 3.0], [4.0, 9.0, 4.0]];
    let a = Mat::from_fn(2, 3, |i, j| rows[i][j]);
    let x = [1.0, 2.0, 1.0];
    let results = function().call_views(&[View::from(&a), View::from(&x[..])]).expect("results");
    assert_eq!(Mat::from_array(&results[1]), Some(Mat::from_fn(2, 3, |i, j| GRADIENT[i][j])));
    assert_eq!(f64::from_array(&results[1]), None);
}

#[test]
fn argmin_finds_least_squares() {
    let (a, x, b) = (matrix("A", "m", "n"), vector("x", "n"), vector("b", "m"));
    let mut data = Inputs::new();
    let _ = data.insert("A", Array::from_fn(&[3, 2], |at| [[1.0, 0.5], [0.0, 1.0], [1.0, -1.0]][at[0]][at[1]]));
    let _ = data.insert("b", Array::vector(vec![2.0, 2.0, -1.0]));
    let objective = Objective::new(&(&a * &x - &b).norm().pow(2), &x, data).expect("an objective");
    let solver = SteepestDescent::new(MoreThuenteLineSearch::new());
    let executor = Executor::new(objective, solver)
        .configure(|state| state.param(vec![0.0, 0.0]).max_iters(200).target_cost(1e-12));
    let result = executor.run().expect("a minimum");
    let best = result.state.get_best_param().expect("a point");
    assert!((best[0] - 1.0).abs() < 1e-4 && (best[1] - 2.0).abs() < 1e-4, "{best:?}");
    let missing = Objective::new(&(&a * &x).norm(), &x, Inputs::new()).err().expect("no data").to_string();
    assert!(missing.contains("`A`"), "{missing}");
}
