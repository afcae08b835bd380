//! Which way a function bends: second derivatives along random lines, and chords where there are kinks.

use matgrad_syntax::Name;

use crate::budget::Budget;
use crate::derivative::Directional;
use crate::direction::{Convention, along_free_entries, is_symmetric, symmetric_part};
use crate::error::{ErrorKind, EvalError, Result};
use crate::machine::Machine;
use crate::point::{bodies, draw_inputs};
use crate::problem::{Model, Problem};
use crate::rng::Rng;
use crate::rounded::Rounded;
use crate::sample::Family;
use crate::scalar::Dual;
use crate::value::Array;

/// A line along which a function bends.
#[derive(Clone, Debug, PartialEq)]
pub struct Bend {
    /// The values of all names that the function needs.
    pub point: Vec<(Name, Array)>,
    /// The steps of the variables.
    pub direction: Vec<(Name, Array)>,
    /// The second derivative along the step; of a chord how far its middle is above the function.
    pub value: f64,
    /// Whether it is a chord, from the point less the step to the point plus the step.
    pub chord: bool,
}

/// What random lines say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bends {
    /// A line along which it bends upwards, so that it is not concave.
    pub up: Option<Bend>,
    /// A line along which it bends downwards, so that it is not convex.
    pub down: Option<Bend>,
    /// How many lines were tried.
    pub lines: usize,
}

/// The smallest relative size of a bend that is no rounding.
const TOLERANCE: f64 = 1e-8;

/// Directions at each point.
const DIRECTIONS: usize = 3;

/// Looks along random lines how a scalar function of some of its variables together bends; along `chords` too, as kinks
/// have no second derivative.
///
/// # Errors
/// Where the function has no value at any point that was tried.
pub fn bends(problem: &Problem, variables: &[Name], chords: bool) -> Result<Bends> {
    let mut last = EvalError::new(ErrorKind::Unknown, "the dimensions have no sizes that fit");
    for dims in problem.assignments().into_iter().take(8) {
        match Model::new(problem, &dims, &[]).and_then(|model| look(&model, variables, chords)) {
            Ok(found) => return Ok(found),
            Err(error) => {
                let retry = error.depends_on_numbers() || error.kind == ErrorKind::Subscript;
                last = error;
                if !retry {
                    break;
                }
            }
        }
    }
    Err(last)
}

struct Line<'a> {
    model: &'a Model,
    moved: &'a [usize],
    offsets: &'a [Option<usize>],
}

fn look(model: &Model, variables: &[Name], chords: bool) -> Result<Bends> {
    let moved: Vec<usize> = (0..model.inputs.len()).filter(|k| variables.contains(&model.inputs[*k].name)).collect();
    let mut offsets = vec![None; model.inputs.len()];
    let mut length = 0;
    for k in &moved {
        offsets[*k] = Some(length);
        length += model.inputs[*k].shape.iter().product::<usize>();
    }
    let budget = Budget::new();
    let bodies = bodies(model, 0.5, 7);
    let mut truth = Directional::<Dual<Dual<Rounded>>>::joint(model, &bodies, &budget, offsets.clone());
    let mut plain = Machine::<f64>::new(&model.program, &bodies, &budget);
    let line = Line { model, moved: &moved, offsets: &offsets };
    let mut rng = Rng::new(0x5eed);
    let mut found = Bends::default();
    let mut last = EvalError::domain("no point of the domain was found");
    let rounds = [1.0, 0.3, 3.0, 8.0];
    'all: for (round, scale) in rounds.into_iter().enumerate() {
        for (family, attempts) in Family::TRIED {
            for _ in 0..attempts {
                let result =
                    line.visit((&mut truth, &mut plain), &mut rng, (family, scale), chords, &mut found, &budget);
                match result {
                    Ok(()) => {}
                    Err(error) if error.kind == ErrorKind::Limit && found.lines > 0 => break 'all,
                    Err(error) if error.depends_on_numbers() => last = error,
                    Err(error) => return Err(error),
                }
                if found.up.is_some() && found.down.is_some() {
                    break 'all;
                }
            }
        }
        if round == 0 && found.lines == 0 {
            return Err(last);
        }
    }
    Ok(found)
}

impl Line<'_> {
    fn visit(
        &self,
        (truth, plain): (&mut Directional<'_, Dual<Dual<Rounded>>>, &mut Machine<'_, f64>),
        rng: &mut Rng,
        (family, scale): (Family, f64),
        chords: bool,
        found: &mut Bends,
        budget: &Budget,
    ) -> Result<()> {
        let mut inputs = draw_inputs(self.model, family, rng, budget)?;
        let other = draw_inputs(self.model, family, rng, budget)?;
        for k in self.moved {
            // cones and subspaces stay what they are
            inputs[*k] = inputs[*k].scale(scale);
        }
        truth.settle(&mut inputs)?;
        for turn in 0..DIRECTIONS {
            let mut step = Vec::new();
            for k in self.moved {
                let x = &inputs[*k];
                let free: Vec<f64> = (0..x.len())
                    .map(|_| match turn {
                        0 => rng.uniform(0.2, 1.0),
                        // along a few axes only
                        1 if rng.uniform(0.0, 1.0) < 0.6 => 0.0,
                        _ => rng.normal(),
                    })
                    .collect();
                step.extend(along_free_entries(Convention::Entries, &self.model.inputs[*k].attributes, x, free));
            }
            // at the scale of the point, with the components that go along it
            if turn == 2 {
                step.iter_mut().zip(self.moved.iter().flat_map(|k| inputs[*k].data())).for_each(|(d, x)| *d += x);
            }
            let (value, size) = match truth.with_size(&inputs, &[&step, &step], &[]) {
                Err(error) if error.kind == ErrorKind::Asymmetric => {
                    for k in self.moved {
                        let Some(at) = self.offsets[*k] else { continue };
                        let x = &inputs[*k];
                        if is_symmetric(x) {
                            symmetric_part(x.rows(), &mut step[at..at + x.len()]);
                        }
                    }
                    truth.with_size(&inputs, &[&step, &step], &[])?
                }
                Err(error) if error.kind == ErrorKind::NoDual => {
                    // differences have few digits
                    let value = truth.by_differences(&inputs, &[&step, &step])?;
                    let size = 1e4 * (1.0 + value.first().abs());
                    (value, size)
                }
                result => result?,
            };
            found.lines += 1;
            let bend = value.first();
            if bend.abs() > TOLERANCE * size.max(1e-6) {
                self.note(found, &inputs, &step, bend, false);
            }
        }
        if chords {
            self.chord(plain, &inputs, &other, found)?;
        }
        Ok(())
    }

    /// The chord between two points of the domain against the function in its middle.
    fn chord(&self, plain: &mut Machine<'_, f64>, from: &[Array], to: &[Array], found: &mut Bends) -> Result<()> {
        let mut ends = [from.to_vec(), from.to_vec(), from.to_vec()];
        let mut step = Vec::new();
        for k in self.moved {
            ends[1][*k] = from[*k].zip(&to[*k], |x, y| (x + y) / 2.0);
            ends[2][*k] = to[*k].clone();
            step.extend(from[*k].zip(&to[*k], |x, y| (y - x) / 2.0).data());
        }
        let mut values = [0.0; 3];
        for (value, point) in values.iter_mut().zip(&ends) {
            plain.set_inputs(point.clone());
            *value = plain.eval(self.model.target)?.need_scalar()?;
        }
        let [a, middle, b] = values;
        if !values.iter().all(|v| v.is_finite()) {
            return Err(EvalError::domain("the function is not finite there"));
        }
        found.lines += 1;
        let gap = (a + b) / 2.0 - middle;
        if gap.abs() > TOLERANCE * values.iter().fold(1e-6, |most: f64, v| most.max(v.abs())) {
            self.note(found, &ends[1], &step, gap, true);
        }
        Ok(())
    }

    fn note(&self, found: &mut Bends, inputs: &[Array], step: &[f64], value: f64, chord: bool) {
        let place = if value > 0.0 { &mut found.up } else { &mut found.down };
        if place.is_some() {
            return;
        }
        let used = self.model.program.inputs_of([self.model.target]);
        let point = self.model.inputs.iter().zip(inputs).enumerate();
        let point = point
            .filter(|(k, _)| used.contains(&(*k as u32)) || self.moved.contains(k))
            .map(|(_, (input, value))| (input.name.clone(), value.clone()))
            .collect();
        let direction = self.moved.iter().filter_map(|k| {
            let (at, x) = (self.offsets[*k]?, &inputs[*k]);
            let part = step.get(at..at + x.len())?;
            Some((self.model.inputs[*k].name.clone(), Array::new(x.shape(), part.to_vec())?))
        });
        *place = Some(Bend { point, direction: direction.collect(), value, chord });
    }
}
