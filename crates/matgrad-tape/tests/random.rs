//! Random programs with branches and loops: every way to a derivative gives the same, and what `num-dual` gives.

use matgrad_tape::{
    Dual, Function, Map, Number, Scalar, Tape, gradient, hessian, hvp, jacobian, jvp, sparse_hessian, sparse_jacobian,
    value, values, vjp,
};
use num_dual::{Dual2Vec64, DualNum, DualVec64};

struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        self.bits() as usize % n
    }

    fn number(&mut self) -> f64 {
        self.bits() as f64 / (1u64 << 31) as f64 * 2.0 - 1.0
    }
}

/// Steps of a program: each uses results of earlier ones, and is kept bounded.
#[derive(Clone, Debug)]
struct Program {
    steps: Vec<(usize, usize, usize, f64)>,
    outputs: Vec<usize>,
}

const KINDS: usize = 30;

impl Program {
    fn draw(draw: &mut Draw, inputs: usize, length: usize, outputs: usize) -> Self {
        let steps: Vec<_> = (0..length)
            .map(|k| {
                let pick = |draw: &mut Draw| draw.below(inputs + k);
                (draw.below(KINDS), pick(draw), pick(draw), draw.number())
            })
            .collect();
        let outputs = (0..outputs).map(|_| inputs + draw.below(length)).collect();
        Self { steps, outputs }
    }
}

/// The steps, once for each kind of number; `$pow`, `$max` and so on are what they call them.
macro_rules! steps {
    ($program:expr, $x:expr, $constant:expr, $real:expr, $softplus:expr, $sigmoid:expr, $atan2:expr) => {{
        let mut all: Vec<_> = $x.iter().cloned().collect();
        for (kind, i, j, c) in &$program.steps {
            let (a, b, c) = (all[*i].clone(), all[*j].clone(), *c);
            let next = match kind {
                0 => a + b,
                1 => a - b,
                2 => a * b,
                3 => a.clone() / (b.clone() * b + 1.0),
                4 => a.sin(),
                5 => a.cos() * c,
                6 => a.tanh(),
                7 => (-(a.clone() * a)).exp(),
                8 => (a.clone() * a + 1.5).ln(),
                9 => (a.clone() * a + c.abs() + 0.1).sqrt(),
                10 => -a + c,
                11 => a.atan() * b,
                // branches
                12 => {
                    if $real(&a) > $real(&b) {
                        a * 0.5
                    } else {
                        b.sin()
                    }
                }
                13 => {
                    if $real(&a) > c {
                        a.clone() * a
                    } else {
                        a * c
                    }
                }
                // a loop whose length depends on the value
                14 => {
                    let mut y = a.clone() * 0.5;
                    let mut steps = 0;
                    while $real(&y) < 1.0 && steps < 5 {
                        y = y * 0.7 + b.clone().tanh() * 0.3 + 0.4;
                        steps += 1;
                    }
                    y
                }
                15 => (a * 0.5).tan() * 0.1,
                16 => (b.tanh() * 0.5).asin(),
                17 => (a.tanh() * 0.5).acos(),
                18 => a.tanh().sinh(),
                19 => b.tanh().cosh() - a,
                20 => a.asinh(),
                21 => (a.clone() * a + 1.5).acosh(),
                22 => (a.tanh() * 0.5).atanh(),
                23 => $softplus(a),
                24 => $sigmoid(b),
                25 => $atan2(a, b + 3.0),
                26 => (a.clone() * a + 0.5).cbrt(),
                27 => a.sin().powi(3),
                28 => (b.clone() * b + 0.3).powf(0.7),
                _ => (a.sin()).exp_m1() + (b.clone() * b).ln_1p(),
            };
            // what grows is brought back
            all.push(if $real(&next).abs() > 3.0 { next.tanh() } else { next });
        }
        all
    }};
}

impl Map for Program {
    fn values<S: Scalar>(&self, x: &[S], out: &mut Vec<S>) {
        let all: Vec<S> =
            steps!(self, x, S::constant, |s: &S| s.to_f64(), |s: S| s.softplus(), |s: S| s.sigmoid(), |y: S, x: S| y
                .atan2(x));
        out.extend(self.outputs.iter().map(|k| all[*k]));
    }
}

impl Program {
    fn with_num_dual<D: DualNum<Primitive = f64>>(&self, x: &[D], real: impl Fn(&D) -> f64) -> Vec<D> {
        let all: Vec<D> = steps!(
            self,
            x,
            D::from,
            &real,
            |s: D| (s.exp() + 1.0).ln(),
            |s: D| (-s).exp().powi(1).scale_one(),
            |y: D, x: D| (y / x).atan()
        );
        self.outputs.iter().map(|k| all[*k].clone()).collect()
    }
}

trait ScaleOne {
    /// 1/(1 + this)
    fn scale_one(self) -> Self;
}

impl<D: DualNum<Primitive = f64>> ScaleOne for D {
    fn scale_one(self) -> Self {
        (self + 1.0).recip()
    }
}

/// The sum of the outputs.
struct Total<'a>(&'a Program);

impl Function for Total<'_> {
    fn value<S: Scalar>(&self, x: &[S]) -> S {
        let mut out = Vec::new();
        self.0.values(x, &mut out);
        out.into_iter().sum()
    }
}

fn close(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (k, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + a.abs()), "{what}, entry {k}: {a} and {b}");
    }
}

#[test]
fn jacobians() {
    let (mut draw, mut off) = (Draw(1), 0);
    for round in 0..300 {
        let (inputs, length, outputs) = (1 + draw.below(20), 1 + draw.below(60), 1 + draw.below(12));
        let program = Program::draw(&mut draw, inputs, length, outputs);
        let x: Vec<f64> = (0..inputs).map(|_| draw.number() * 1.5).collect();
        let name = |what: &str| format!("round {round}: {what}");

        let dual: Vec<DualVec64<nalgebra::Dyn>> = (0..inputs)
            .map(|k| {
                DualVec64::new(
                    x[k],
                    num_dual::Derivative::derivative_generic(nalgebra::Dyn(inputs), nalgebra::Const::<1>, k),
                )
            })
            .collect();
        let expected = program.with_num_dual(&dual, |d| d.re);
        let rows: Vec<f64> = expected
            .into_iter()
            .flat_map(|y| y.eps.unwrap_generic(nalgebra::Dyn(inputs), nalgebra::Const::<1>).as_slice().to_vec())
            .collect();

        let dense = jacobian(&program, &x).expect("a Jacobian");
        close(&name("num-dual"), dense.data(), &rows, 1e-10);
        let mut tape = Tape::new();
        tape.run_map(&program, &x).expect("a run");
        close(&name("values"), &tape.values().collect::<Vec<f64>>(), &values(&program, &x), 0.0);
        let mut by_tape = vec![0.0; outputs * inputs];
        tape.jacobian(&mut by_tape).expect("a Jacobian");
        close(&name("tape"), &by_tape, dense.data(), 1e-12);
        let sparse = sparse_jacobian(&program, &x).expect("a Jacobian");
        close(&name("sparse"), sparse.to_dense().data(), dense.data(), 1e-12);

        let v: Vec<f64> = (0..inputs).map(|_| draw.number()).collect();
        let u: Vec<f64> = (0..outputs).map(|_| draw.number()).collect();
        let forward = jvp(&program, &x, &v).expect("a product");
        let mut on_tape = vec![0.0; outputs];
        tape.jvp(&v, &mut on_tape).expect("a product");
        close(&name("J*v"), &forward, &on_tape, 1e-12);
        let reverse = vjp(&program, &x, &u).expect("a product");
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        close(&name("u'J*v"), &[dot(&u, &forward)], &[dot(&reverse, &v)], 1e-11);

        let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        let narrow: Vec<f64> =
            jacobian(&program, &single).expect("a Jacobian").data().iter().map(|x| f64::from(*x)).collect();
        let near: Vec<f64> = single.iter().map(|x| f64::from(*x)).collect();
        let wide = jacobian(&program, &near).expect("a Jacobian");
        off += usize::from(narrow.iter().zip(wide.data()).any(|(a, b)| (a - b).abs() > 2e-4 * (1.0 + b.abs())));
    }
    // a branch may be taken otherwise where a comparison is close
    assert!(off <= 3, "{off} programs of 300 differ in single precision");
}

#[test]
fn hessians() {
    let mut draw = Draw(2);
    for round in 0..200 {
        let (inputs, length, outputs) = (1 + draw.below(14), 1 + draw.below(40), 1 + draw.below(4));
        let program = Program::draw(&mut draw, inputs, length, outputs);
        let total = Total(&program);
        let x: Vec<f64> = (0..inputs).map(|_| draw.number() * 1.5).collect();
        let name = |what: &str| format!("round {round}: {what}");

        let dual: Vec<Dual2Vec64<nalgebra::Dyn>> = (0..inputs)
            .map(|k| {
                let mut y = Dual2Vec64::from(x[k]);
                y.v1 = num_dual::Derivative::derivative_generic(nalgebra::Const::<1>, nalgebra::Dyn(inputs), k);
                y
            })
            .collect();
        let mut expected = vec![0.0; inputs * inputs];
        for y in program.with_num_dual(&dual, |d| d.re) {
            let h = y.v2.unwrap_generic(nalgebra::Dyn(inputs), nalgebra::Dyn(inputs));
            expected.iter_mut().zip(h.as_slice()).for_each(|(sum, entry)| *sum += entry);
        }
        let dense = hessian(&total, &x).expect("a Hessian");
        close(&name("num-dual"), dense.data(), &expected, 1e-8);

        // duals of duals
        for i in 0..inputs {
            let v: Vec<Dual<Dual<f64, 1>, 1>> = (0..inputs)
                .map(|k| Dual {
                    value: Dual::variable(x[k], usize::from(k != i)),
                    tangents: [Dual::new(1.0 - 0.1 * k as f64)],
                })
                .collect();
            let entry = total.value(&v).tangents[0].tangents[0];
            let row: f64 = dense.row(i).iter().enumerate().map(|(k, h)| h * (1.0 - 0.1 * k as f64)).sum();
            close(&name("duals of duals"), &[entry], &[row], 1e-9);
        }
        // the tape over duals
        let mut lanes = vec![Dual::<f64, 2>::new(0.0); inputs];
        let point: Vec<Dual<f64, 2>> = x.iter().enumerate().map(|(k, x)| Dual::variable(*x, k)).collect();
        let y = Tape::new().value_and_gradient(&total, &point, &mut lanes).expect("a gradient");
        close(&name("value"), &[y.value], &[value(&total, &x)], 1e-14);
        close(
            &name("gradient"),
            &lanes.iter().map(|g| g.value).collect::<Vec<f64>>(),
            &gradient(&total, &x).expect("a gradient"),
            1e-11,
        );
        close(&name("column"), &lanes.iter().map(|g| g.tangents[0]).collect::<Vec<f64>>(), dense.row(0), 1e-9);
        // duals over the tape
        let mut tape = Tape::new();
        tape.run(&x, |v, out| {
            let w: Vec<_> = v.iter().map(|v| Dual { value: *v, tangents: [Number::constant(1.0)] }).collect();
            out.push(total.value(&w).tangents[0]);
        })
        .expect("a run");
        let mut sums = vec![0.0; inputs];
        tape.vjp(&[1.0], &mut sums).expect("a product");
        let ones = hvp(&total, &x, &vec![1.0; inputs]).expect("a product");
        close(&name("duals over the tape"), &sums, &ones, 1e-9);
        close(&name("H*1"), &ones, &(0..inputs).map(|i| dense.row(i).iter().sum()).collect::<Vec<f64>>(), 1e-9);

        let sparse = sparse_hessian(&total, &x).expect("a Hessian");
        close(&name("sparse"), sparse.to_dense().data(), dense.data(), 1e-9);
    }
}

#[test]
fn wrong_lengths_are_errors() {
    let program = Program::draw(&mut Draw(3), 3, 5, 2);
    let x = [0.1, 0.2, 0.3];
    let message = |error: matgrad_tape::Error| error.to_string();
    assert_eq!(
        jvp(&program, &x, &[1.0]).map_err(message),
        Err("error[length-mismatch]: the direction has 1 entry, the point 3".into())
    );
    assert_eq!(
        vjp(&program, &x, &[1.0; 3]).map_err(message),
        Err("error[length-mismatch]: the vector of weights has 3 entries, the result 2".into())
    );
    assert!(hvp(&Total(&program), &x, &[1.0; 4]).is_err());
    let mut tape = Tape::new();
    assert!(tape.value_and_gradient(&Total(&program), &x, &mut [0.0; 2]).is_err());
    tape.run(&x, |_, _| {}).expect("a run without results");
    assert!(tape.jacobian(&mut []).is_ok() && tape.vjp(&[], &mut [0.0; 3]).is_ok());
    tape.run(&[], |_, out| out.push(Number::constant(1.0))).expect("a run without inputs");
    assert!(tape.vjp(&[1.0], &mut []).is_ok());
}
