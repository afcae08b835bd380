//! Small functions and gradients of many inputs, with `num-dual` beside it:
//!
//!     cargo run --release -p matgrad-tape --example speed
//!
//! Nanoseconds a call, of the fastest of many rounds taken by turns: what else the machine does only adds to it.

use std::hint::black_box;
use std::time::Instant;

use matgrad_tape::{Function, Map, Scalar, Tape, forward, hessian, jacobian, write_gradient};
use num_dual::DualNum;

fn rosenbrock<S: Scalar>(x: &[S]) -> S {
    let mut sum = S::constant(0.0);
    for k in 1..x.len() {
        let (a, b) = (x[k - 1], x[k]);
        sum += (b - a * a).powi(2) * 100.0 + (a - 1.0).powi(2);
    }
    sum
}

struct Rosenbrock;

impl Function for Rosenbrock {
    fn value<S: Scalar>(&self, x: &[S]) -> S {
        rosenbrock(x)
    }
}

fn rosenbrock_num_dual<D: DualNum<Primitive = f64> + Copy>(x: &[D]) -> D {
    let mut sum = D::from(0.0);
    for k in 1..x.len() {
        let (a, b) = (x[k - 1], x[k]);
        sum += (b - a * a).powi(2) * 100.0 + (a - 1.0).powi(2);
    }
    sum
}

/// Velocities and accelerations of three bodies in space.
struct Bodies;

impl Map for Bodies {
    fn values<S: Scalar>(&self, x: &[S], out: &mut Vec<S>) {
        out.extend_from_slice(&x[9..18]);
        for i in 0..3 {
            let mut a = [S::constant(0.0); 3];
            for j in 0..3 {
                if i != j {
                    let d: [S; 3] = std::array::from_fn(|k| x[3 * j + k] - x[3 * i + k]);
                    let r = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    let w = (r * r.sqrt()).recip();
                    for k in 0..3 {
                        a[k] += d[k] * w;
                    }
                }
            }
            out.extend(a);
        }
    }
}

fn bodies_num_dual<D: DualNum<Primitive = f64> + Copy>(x: &[D]) -> Vec<D> {
    let mut out = x[9..18].to_vec();
    for i in 0..3 {
        let mut a = [D::from(0.0); 3];
        for j in 0..3 {
            if i != j {
                let d: [D; 3] = std::array::from_fn(|k| x[3 * j + k] - x[3 * i + k]);
                let r = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                let w = (r * r.sqrt()).recip();
                for k in 0..3 {
                    a[k] += d[k] * w;
                }
            }
        }
        out.extend(a);
    }
    out
}

/// Nanoseconds a call.
fn once(work: &mut dyn FnMut() -> f64, calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(work());
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

fn compare(name: &str, ours: &mut dyn FnMut() -> f64, theirs: &mut dyn FnMut() -> f64) {
    let (a, b) = (ours(), theirs());
    assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{name}: {a} and {b}");
    let mut calls = 1;
    while once(ours, calls) * (calls as f64) < 2e6 {
        calls *= 2;
    }
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..50 {
        times[0].push(once(ours, calls));
        times[1].push(once(theirs, calls));
    }
    let [a, b] = times.map(|all| all.into_iter().fold(f64::INFINITY, f64::min));
    println!("{name:44} {a:12.1} {b:12.1} {:8.2}", b / a);
}

fn point(n: usize) -> Vec<f64> {
    (0..n).map(|k| 0.5 + 0.01 * (k % 37) as f64).collect()
}

fn num_dual_gradient<const N: usize>(x: &[f64; N]) -> (f64, [f64; N]) {
    use num_dual::DualSVec64;
    let v: [DualSVec64<N>; N] = std::array::from_fn(|k| DualSVec64::from_re(x[k]).derivative_of(k));
    let y = rosenbrock_num_dual(&v);
    (y.re, std::array::from_fn(|k| y.eps.0.map_or(0.0, |e| e[k])))
}

/// The gradient where the number of inputs is not known to the compiler.
fn num_dual_dynamic(x: &[f64]) -> nalgebra::DVector<f64> {
    let f = |v: nalgebra::DVector<num_dual::DualDVec64>| {
        let mut sum = num_dual::DualDVec64::from(0.0);
        for k in 1..v.len() {
            let (a, b) = (&v[k - 1], &v[k]);
            sum += (b - a * a).powi(2) * 100.0 + (a.clone() - 1.0).powi(2);
        }
        sum
    };
    num_dual::gradient(f, &nalgebra::DVector::from_column_slice(x)).1
}

trait Direction<const N: usize> {
    fn derivative_of(self, k: usize) -> Self;
}

impl<const N: usize> Direction<N> for num_dual::DualSVec64<N> {
    fn derivative_of(mut self, k: usize) -> Self {
        let mut e = [0.0; N];
        e[k] = 1.0;
        self.eps = num_dual::Derivative::some(num_dual_vector(e));
        self
    }
}

fn num_dual_vector<const N: usize>(e: [f64; N]) -> nalgebra::SVector<f64, N> {
    nalgebra::SVector::from(e)
}

fn main() {
    println!("{:44} {:>12} {:>12} {:>8}", "", "matgrad", "num-dual", "times");
    {
        let x = [1.5, 0.7];
        compare(
            "Rosenbrock 2, gradient, of an array",
            &mut || forward::gradient(|v| rosenbrock(&v), black_box(x)).1[1],
            &mut || num_dual_gradient(&black_box(x)).1[1],
        );
        let mut g = vec![0.0; 2];
        compare(
            "Rosenbrock 2, gradient, of a slice",
            &mut || {
                let _ = write_gradient(&Rosenbrock, black_box(&x[..]), &mut g);
                g[1]
            },
            &mut || num_dual_dynamic(black_box(&x))[1],
        );
    }
    {
        let x: [f64; 10] = std::array::from_fn(|k| 0.5 + 0.1 * k as f64);
        compare(
            "Rosenbrock 10, gradient, of an array",
            &mut || forward::gradient(|v| rosenbrock(&v), black_box(x)).1[3],
            &mut || num_dual_gradient(&black_box(x)).1[3],
        );
        let mut g = vec![0.0; 10];
        compare(
            "Rosenbrock 10, gradient, of a slice",
            &mut || {
                let _ = write_gradient(&Rosenbrock, black_box(&x[..]), &mut g);
                g[3]
            },
            &mut || num_dual_dynamic(black_box(&x))[3],
        );
        compare(
            "Rosenbrock 10, Hessian",
            &mut || hessian(&Rosenbrock, black_box(&x[..])).map_or(0.0, |h| h.data()[1]),
            &mut || {
                let f = |v: nalgebra::SVector<num_dual::Dual2SVec64<10>, 10>| rosenbrock_num_dual(v.as_slice());
                num_dual::hessian(f, &nalgebra::SVector::from(black_box(x))).2[(1, 0)]
            },
        );
    }
    {
        let x = point(18);
        let fixed: [f64; 18] = std::array::from_fn(|k| x[k] + 0.3 * ((k * k) % 7) as f64);
        compare(
            "3 bodies, right-hand side, Jacobian",
            &mut || jacobian(&Bodies, black_box(&fixed[..])).map_or(0.0, |j| j.data()[9 * 18 + 1]),
            &mut || {
                let f = |v: nalgebra::SVector<num_dual::DualSVec64<18>, 18>| {
                    nalgebra::SVector::<_, 18>::from_vec(bodies_num_dual(v.as_slice()))
                };
                num_dual::jacobian(f, &nalgebra::SVector::from(black_box(fixed))).1[(9, 1)]
            },
        );
    }
    for n in [100, 1000] {
        let x = point(n);
        let (mut tape, mut g) = (Tape::new(), vec![0.0; n]);
        compare(
            &format!("Rosenbrock {n}, gradient, of a slice"),
            &mut || {
                let _ = tape.value_and_gradient(&Rosenbrock, black_box(&x), &mut g);
                g[3]
            },
            &mut || num_dual_dynamic(black_box(&x))[3],
        );
    }
}
