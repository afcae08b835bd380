//! Loops: the gradient with all states kept, and with most of them computed again.

use std::collections::BTreeMap;

use matgrad_calculus::diff::{self, Mode};
use matgrad_calculus::infer::{Options as Infer, analyze};
use matgrad_eval::{Array, Inputs, Options, compile_with};

const SCRIPT: &str = "X in R^(N x D)\nW in R^(D x D)\nh in R^D\nf(s, x) = tanh(W*s + x)\nL = norm(fold(f, h, X))^2";

#[test]
fn states_that_are_computed_again_give_the_same() {
    let analysis = analyze(&matgrad_syntax::parse(SCRIPT).script, &Infer::default()).expect("it type-checks");
    let mut g = analysis.graph;
    let target = analysis.target.node;
    let mut roots = vec![target];
    for variable in &analysis.variables {
        let options = diff::Options { mode: Some(Mode::Reverse), ..diff::Options::default() };
        roots.push(diff::derivative(&mut g, target, variable.node, options).expect("a derivative"));
    }
    let mut data = Inputs::new();
    for steps in [9usize, 50, 64] {
        let sizes: BTreeMap<_, _> = [("N".into(), steps), ("D".into(), 3)].into();
        let entry = |shape: &[usize]| Array::from_fn(shape, |at| (1.0 + at.iter().sum::<usize>() as f64).sin() * 0.5);
        data.insert("X", entry(&[steps, 3]));
        data.insert("W", entry(&[3, 3]));
        data.insert("h", entry(&[3]));
        let run = |options: &Options| {
            let program = compile_with(&g, &roots, &sizes, options).expect("a program");
            let twice = [program.run(&data).expect("values"), program.run(&data).expect("values")];
            assert_eq!(twice[0], twice[1]);
            (program.memory_bytes(), twice[0].clone())
        };
        let (kept, values) = run(&Options::default());
        let (again, same) = run(&Options { state_limit: 0, ..Options::default() });
        assert_eq!(values, same);
        assert!(again < kept, "{again} bytes instead of {kept}");
    }
}
