//! ADBench's hand tracking as a program: the positions of a hand's surface by the angles of its joints, against
//! measured points. A program in the full sense: rotations, a chain of bones, skinning, loops over what belongs together.
//!
//!     cargo run --release -p matgrad-tape --example hand
//!
//! The sizes are those of the benchmark (26 parameters, 22 bones, 544 vertices of which each has a few bones; 100, 1600 and
//! more correspondences); the hand itself is drawn, as the benchmark's model is not part of this project. In the simple
//! variant each point belongs to a vertex; in the complicated one to a place on a triangle, whose two coordinates are
//! unknown, too, so that the Jacobian is sparse: a row has entries by the parameters that move the triangle and by its own
//! two coordinates.

use std::time::Instant;

use matgrad_tape::{Map, Scalar, jacobian, sparse_jacobian, values};

const BONES: usize = 22;
const VERTICES: usize = 544;
const PARAMETERS: usize = 26;

type Transform<S> = [[S; 4]; 3];

struct Bone {
    parent: Option<usize>,
    /// The pose relative to the parent.
    base: Transform<f64>,
    /// Into the coordinates of the bone.
    inverse: Transform<f64>,
}

struct Hand {
    bones: Vec<Bone>,
    vertices: Vec<[f64; 3]>,
    /// Bones and weights of each vertex.
    weights: Vec<Vec<(usize, f64)>>,
    triangles: Vec<[usize; 3]>,
    points: Vec<[f64; 3]>,
    /// Vertex or triangle of each point.
    correspondences: Vec<usize>,
    complicated: bool,
}

fn product<A: Scalar>(a: &Transform<A>, b: &Transform<A>) -> Transform<A> {
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let sum = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
            if j == 3 { sum + a[i][3] } else { sum }
        })
    })
}

fn product_with_constant<S: Scalar>(a: &Transform<S>, b: &Transform<f64>) -> Transform<S> {
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let sum = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
            if j == 3 { sum + a[i][3] } else { sum }
        })
    })
}

fn constant_product<S: Scalar>(a: &Transform<f64>, b: &Transform<S>) -> Transform<S> {
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let sum = b[0][j] * a[i][0] + b[1][j] * a[i][1] + b[2][j] * a[i][2];
            if j == 3 { sum + a[i][3] } else { sum }
        })
    })
}

fn apply<S: Scalar>(a: &Transform<S>, p: &[f64; 3]) -> [S; 3] {
    std::array::from_fn(|i| a[i][0] * p[0] + a[i][1] * p[1] + a[i][2] * p[2] + a[i][3])
}

/// The rotation by Euler's angles.
fn euler<S: Scalar>([x, y, z]: [S; 3]) -> Transform<S> {
    let ((sx, cx), (sy, cy), (sz, cz)) = ((x.sin(), x.cos()), (y.sin(), y.cos()), (z.sin(), z.cos()));
    let zero = S::constant(0.0);
    [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz, zero],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz, zero],
        [-sy, sx * cy, cx * cy, zero],
    ]
}

/// The rotation about an axis by its length.
fn axis_angle<S: Scalar>(v: &[S]) -> [[S; 3]; 3] {
    let square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    let (zero, one) = (S::constant(0.0), S::constant(1.0));
    if square < 1e-20 {
        return [[one, zero, zero], [zero, one, zero], [zero, zero, one]];
    }
    let angle = square.sqrt();
    let [x, y, z] = [v[0] / angle, v[1] / angle, v[2] / angle];
    let (s, c) = (angle.sin(), angle.cos());
    let d = one - c;
    [
        [x * x * d + c, x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, y * y * d + c, y * z * d - x * s],
        [x * z * d - y * s, y * z * d + x * s, z * z * d + c],
    ]
}

impl Map for Hand {
    fn values<S: Scalar>(&self, x: &[S], out: &mut Vec<S>) {
        let (theta, coordinates) = x.split_at(PARAMETERS);
        let zero = S::constant(0.0);
        // angles of the joints: four a finger, on three bones and a tip
        let mut angles = [[zero; 3]; BONES];
        for finger in 0..5 {
            let t = &theta[6 + 4 * finger..];
            let bone = 2 + 4 * finger;
            angles[bone] = [t[0], t[1], zero];
            angles[bone + 1] = [t[2], zero, zero];
            angles[bone + 2] = [t[3], zero, zero];
        }
        // poses of the bones, from parent to child
        let mut absolute: Vec<Transform<S>> = Vec::with_capacity(BONES);
        for (bone, angles) in self.bones.iter().zip(angles) {
            let relative = constant_product(&bone.base, &euler(angles));
            let pose = match bone.parent {
                Some(parent) => product(&absolute[parent], &relative),
                None => relative,
            };
            absolute.push(pose);
        }
        let moves: Vec<Transform<S>> =
            absolute.iter().zip(&self.bones).map(|(pose, bone)| product_with_constant(pose, &bone.inverse)).collect();
        let rotation = axis_angle(&theta[..3]);
        // every vertex where its bones take it
        let placed: Vec<[S; 3]> = self
            .vertices
            .iter()
            .zip(&self.weights)
            .map(|(vertex, weights)| {
                let mut p = [zero; 3];
                for (bone, weight) in weights {
                    let moved = apply(&moves[*bone], vertex);
                    for k in 0..3 {
                        p[k] += moved[k] * *weight;
                    }
                }
                std::array::from_fn(|i| {
                    rotation[i][0] * p[0] + rotation[i][1] * p[1] + rotation[i][2] * p[2] + theta[3 + i]
                })
            })
            .collect();
        for (k, (point, at)) in self.points.iter().zip(&self.correspondences).enumerate() {
            for i in 0..3 {
                let hand = if self.complicated {
                    let [a, b, c] = self.triangles[*at];
                    let (u, v) = (coordinates[2 * k], coordinates[2 * k + 1]);
                    placed[a][i] * u + placed[b][i] * v + placed[c][i] * (-(u + v) + 1.0)
                } else {
                    placed[*at][i]
                };
                out.push(-hand + point[i]);
            }
        }
    }
}

struct Draw(u64);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    fn transform(&mut self) -> Transform<f64> {
        let mut pose = euler([self.unit() - 0.5, self.unit() - 0.5, self.unit() - 0.5]);
        (0..3).for_each(|i| pose[i][3] = self.unit() - 0.5);
        pose
    }
}

impl Hand {
    fn draw(points: usize, complicated: bool) -> Self {
        let mut draw = Draw(11);
        // the wrist, the palm, and five fingers of four bones
        let parent = |bone: usize| match bone {
            0 => None,
            1 => Some(0),
            _ if (bone - 2).is_multiple_of(4) => Some(1),
            _ => Some(bone - 1),
        };
        let bones = (0..BONES)
            .map(|bone| Bone { parent: parent(bone), base: draw.transform(), inverse: draw.transform() })
            .collect();
        let vertices = (0..VERTICES).map(|_| [draw.unit(), draw.unit(), draw.unit()]).collect();
        let weights = (0..VERTICES)
            .map(|_| {
                let near = draw.below(BONES - 2);
                let all: Vec<(usize, f64)> = (near..near + 1 + draw.below(3)).map(|bone| (bone, draw.unit())).collect();
                let sum: f64 = all.iter().map(|(_, w)| w).sum();
                all.into_iter().map(|(bone, w)| (bone, w / sum)).collect()
            })
            .collect();
        let triangles: Vec<[usize; 3]> = (0..1000).map(|_| std::array::from_fn(|_| draw.below(VERTICES))).collect();
        let correspondences =
            (0..points).map(|_| draw.below(if complicated { triangles.len() } else { VERTICES })).collect();
        let points = (0..points).map(|_| [draw.unit(), draw.unit(), draw.unit()]).collect();
        Self { bones, vertices, weights, triangles, points, correspondences, complicated }
    }
}

/// The median of several runs, in milliseconds.
fn time(mut work: impl FnMut()) -> f64 {
    let mut all: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The largest difference between columns of a Jacobian and central differences.
fn error(hand: &Hand, x: &[f64], entry: impl Fn(usize, usize) -> f64) -> f64 {
    let mut worst: f64 = 0.0;
    for column in (0..x.len()).step_by(1.max(x.len() / 40)) {
        let shifted = |h: f64| {
            let mut x = x.to_vec();
            x[column] += h;
            values(hand, &x)
        };
        for (row, (up, down)) in shifted(1e-6).iter().zip(shifted(-1e-6)).enumerate() {
            worst = worst.max(((up - down) / 2e-6 - entry(row, column)).abs());
        }
    }
    worst
}

/// The Jacobian, sparse where it is, and its largest difference from central differences.
pub fn jacobian_and_error(points: usize, complicated: bool) -> Result<(usize, f64), matgrad_tape::Error> {
    let (hand, x) = case(points, complicated);
    if complicated {
        let sparse = sparse_jacobian(&hand, &x)?;
        let entry = |row: usize, column: usize| {
            let mut columns = sparse.indptr()[row]..sparse.indptr()[row + 1];
            columns.find(|k| sparse.indices()[*k] == column).map_or(0.0, |k| sparse.data()[k])
        };
        Ok((sparse.colors(), error(&hand, &x, entry)))
    } else {
        let dense = jacobian(&hand, &x)?;
        Ok((x.len(), error(&hand, &x, |row, column| dense.row(row)[column])))
    }
}

fn case(points: usize, complicated: bool) -> (Hand, Vec<f64>) {
    let inputs = PARAMETERS + if complicated { 2 * points } else { 0 };
    (Hand::draw(points, complicated), (0..inputs).map(|k| 0.1 + 0.03 * (k % 26) as f64).collect())
}

fn main() -> Result<(), matgrad_tape::Error> {
    println!("{:32} {:>12} {:>12} {:>10} {:>8} {:>10}", "", "value", "Jacobian", "times", "colours", "error");
    for (complicated, points) in [false, true].into_iter().flat_map(|kind| [100, 1600, 10000].map(|n| (kind, n))) {
        let (hand, x) = case(points, complicated);
        let value = time(|| drop(values(&hand, &x)));
        let derivative = time(|| match complicated {
            true => drop(sparse_jacobian(&hand, &x)),
            false => drop(jacobian(&hand, &x)),
        });
        let (colors, error) = jacobian_and_error(points, complicated)?;
        let name = format!("{}, {points} points", if complicated { "complicated" } else { "simple" });
        println!("{name:32} {value:9.3} ms {derivative:9.3} ms {:10.1} {colors:8} {error:10.1e}", derivative / value);
    }
    Ok(())
}
