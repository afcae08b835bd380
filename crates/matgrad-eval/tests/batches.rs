//! Inputs that are held, and many problems at once.

use matgrad_calculus::diff;
use matgrad_calculus::infer::{Options as Infer, analyze};
use matgrad_eval::{Array, Engine, Inputs, Options, Program, Workspace, compile_with};
use matgrad_syntax::Name;

mod common;
use common::Random;

const SCRIPT: &str = "X in R^(m x n)\nw in R^n\ny in R^m\nsum(log(1 + exp(-y .* (exp(X)*w)))) + sum(tanh(X))*norm(w)^2";

fn program(held: &[&str], engine: Engine) -> Program {
    let parsed = matgrad_syntax::parse(SCRIPT);
    let analysis = analyze(&parsed.script, &Infer::default()).unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut g = analysis.graph;
    let mut roots = vec![analysis.target.node];
    for variable in &analysis.variables {
        let options = diff::Options::default();
        roots.push(diff::derivative(&mut g, analysis.target.node, variable.node, options).expect("a derivative"));
    }
    let held = held.iter().map(|name| Name::from(*name)).collect();
    let sizes = [("n".into(), 5), ("m".into(), 70)].into();
    compile_with(&g, &roots, &sizes, &Options { engine, held, ..Options::default() }).expect("a program")
}

fn data(random: &mut Random) -> Inputs {
    let mut data = Inputs::new();
    data.insert("X", random.array(&[70, 5]));
    data.insert("w", random.array(&[5]));
    data.insert("y", random.array(&[70]));
    data
}

#[track_caller]
fn assert_close(found: &[Array], expected: &[Array]) {
    for (x, y) in found.iter().zip(expected) {
        assert_eq!(x.shape(), y.shape());
        x.data().iter().zip(y.data()).for_each(|(x, y)| assert!((x - y).abs() <= 1e-12 * y.abs().max(1.0), "{x} {y}"));
    }
}

#[test]
fn held_inputs_are_used_once() {
    for engine in [Engine::Steps, Engine::Loops, Engine::Auto] {
        let (plain, holding) = (program(&[], engine), program(&["X"], engine));
        let mut random = Random(7);
        let mut data = data(&mut random);
        let mut memory = Workspace::default();
        for _ in 0..3 {
            data.insert("w", random.array(&[5]));
            assert_close(&holding.run_in(&data, &mut memory).unwrap(), &plain.run(&data).unwrap());
        }
        // another program in the same memory, and new numbers after all
        plain.run_in(&data, &mut memory).unwrap();
        assert_close(&holding.run_in(&data, &mut memory).unwrap(), &plain.run(&data).unwrap());
        data.insert("X", random.array(&[70, 5]));
        memory.forget();
        assert_close(&holding.run_in(&data, &mut memory).unwrap(), &plain.run(&data).unwrap());
        assert!(holding.listing().contains("once, from inputs that are held"), "{}", holding.listing());
    }
}

#[test]
fn batches_are_problems_one_by_one() {
    let program = program(&[], Engine::Auto);
    let mut random = Random(9);
    let shared = data(&mut random);
    let batched: Vec<Name> = vec!["w".into(), "y".into()];
    for count in [0, 1, 3, 16] {
        let mut all = shared.clone();
        all.insert("w", random.array(&[count, 5]));
        all.insert("y", random.array(&[count, 70]));
        for threads in [1, 3] {
            let found = program.run_batch(&all, &batched, threads).unwrap();
            for problem in 0..count {
                let mut one = shared.clone();
                for (name, n) in [("w", 5), ("y", 70)] {
                    let part = all.get(name).unwrap().data()[problem * n..(problem + 1) * n].to_vec();
                    one.insert(name, Array::vector(part));
                }
                for (root, expected) in program.run(&one).unwrap().iter().enumerate() {
                    let n = expected.data().len();
                    assert_eq!(found[root].shape()[0], count);
                    assert_eq!(&found[root].data()[problem * n..(problem + 1) * n], expected.data());
                }
            }
        }
    }
    let mut wrong = shared.clone();
    wrong.insert("w", random.array(&[3, 5]));
    wrong.insert("y", random.array(&[4, 70]));
    let error = program.run_batch(&wrong, &batched, 2).unwrap_err();
    assert_eq!(error.to_string(), "input `y` has shape 4×70 in the data where 3×70 is needed");
}
