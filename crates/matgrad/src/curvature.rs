//! Is a function convex or concave? With a proof, or with points that refute both.

use matgrad_calculus::curvature::{self, Curvature as Bending, Line};
use matgrad_calculus::diff::{self, ConditionKind};
use matgrad_calculus::graph::NodeId;
use matgrad_calculus::layout::{Arranged, Kind as Shape, Layout};
use matgrad_calculus::notation::{self, Arrangement};
use matgrad_check::{Array, Bend, bends};
use matgrad_render::TextOptions;
use matgrad_syntax::Name;
use serde_json::{Value, json};

use crate::answer::Written;
use crate::claim::literal;
use crate::work::Work;
use crate::{Failure, Request, domain, proof};

/// How a function bends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurvatureKind {
    /// Convex and concave.
    Affine,
    /// Convex, by the proof.
    Convex,
    /// Concave, by the proof.
    Concave,
    /// Neither convex nor concave, by two lines along which it bends up and down.
    Neither,
    /// No proof was found, and no refutation of one side at least.
    Unknown,
}

impl CurvatureKind {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            CurvatureKind::Affine => "affine",
            CurvatureKind::Convex => "convex",
            CurvatureKind::Concave => "concave",
            CurvatureKind::Neither => "neither",
            CurvatureKind::Unknown => "unknown",
        }
    }
}

impl From<Bending> for CurvatureKind {
    fn from(bending: Bending) -> Self {
        match bending {
            Bending::Affine => CurvatureKind::Affine,
            Bending::Convex => CurvatureKind::Convex,
            Bending::Concave => CurvatureKind::Concave,
        }
    }
}

/// One line of a proof.
#[derive(Clone, Debug)]
pub struct ProofLine {
    /// What it is about.
    pub formula: Written,
    /// How that bends; `None` of a term of the Hessian.
    pub curvature: Option<&'static str>,
    /// Why.
    pub why: String,
}

/// A line along which a function bends the wrong way.
#[derive(Clone, Debug)]
pub struct Refutation {
    /// What it refutes: `convex` or `concave`.
    pub of: &'static str,
    /// The values of all names that the function needs, in the language.
    pub point: Vec<(String, String)>,
    /// The steps of the variables.
    pub direction: Vec<(String, String)>,
    /// The second derivative along the step; of a chord by how much its middle is above the function.
    pub value: f64,
    /// Whether it is a chord, from the point less the step to the point plus the step.
    pub chord: bool,
}

/// What was found about the curvature of a function.
#[derive(Clone, Debug)]
pub struct Curvature {
    /// The query of a script that it answers.
    pub query: Option<String>,
    /// The function as it was written.
    pub expression: String,
    /// The variables, together.
    pub wrt: Vec<String>,
    /// The finding.
    pub kind: CurvatureKind,
    /// The Hessian, or its negative, where the proof is about its terms.
    pub hessian: Option<Written>,
    /// The lines of the proof.
    pub proof: Vec<ProofLine>,
    /// What refutes convexity or concavity.
    pub refutations: Vec<Refutation>,
    /// Where the function is defined.
    pub domain: Vec<String>,
    /// What is declared of what the function needs.
    pub declared: Vec<String>,
    /// What was assumed of names that nobody declared.
    pub assumptions: Vec<String>,
    /// What else to know.
    pub notes: Vec<String>,
    /// Along how many random lines the function was looked at.
    pub lines: usize,
    /// Whether numbers contradict the proof: a defect of this library that has to be said loudly.
    pub contradicted: bool,
}

impl Curvature {
    /// The finding as JSON.
    pub fn json(&self) -> Value {
        let written = |w: &Written| json!({"text": w.text(TextOptions::PLAIN), "latex": w.latex(), "shape": w.shape});
        let proof: Vec<Value> = self
            .proof
            .iter()
            .map(|line| {
                json!({"text": line.formula.text(TextOptions::PLAIN), "latex": line.formula.latex(),
                       "curvature": line.curvature, "why": line.why})
            })
            .collect();
        let pairs = |list: &[(String, String)]| -> Value {
            list.iter()
                .map(|(name, value)| (name.clone(), Value::String(value.clone())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let refutations: Vec<Value> = self
            .refutations
            .iter()
            .map(|r| {
                let what = if r.chord { "chord_gap" } else { "second_derivative" };
                json!({"refutes": r.of, "point": pairs(&r.point), "direction": pairs(&r.direction), what: r.value})
            })
            .collect();
        json!({
            "query": self.query,
            "expression": self.expression,
            "wrt": self.wrt,
            "curvature": self.kind.name(),
            "hessian": self.hessian.as_ref().map(written),
            "proof": proof,
            "refutations": refutations,
            "domain": self.domain,
            "assumptions": self.assumptions,
            "notes": self.notes,
            "lines": self.lines,
            "contradicted": self.contradicted,
        })
    }
}

/// Finds out whether a scalar function is convex or concave in one variable, or in several (`x, y`) together.
///
/// ```
/// use matgrad::{CurvatureKind, Request, Text, curvature};
/// let text = Text::expression("norm(y - Phi*w)^2 + c*norm(w)^2").declare("c in R nonneg");
/// let found = curvature(&Request::new(text, "w"))?;
/// assert_eq!(found.kind, CurvatureKind::Convex);
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the request; the function has to be a scalar.
pub fn curvature(request: &Request) -> Result<Curvature, Failure> {
    request.limits.hold(&request.text, || bend(request))
}

fn bend(request: &Request) -> Result<Curvature, Failure> {
    let (source, script) = request.text.read()?;
    let request = Request { order: 2, ..request.clone() };
    let names: Vec<Name> = request.wrt.split(',').map(|name| matgrad_syntax::normalize_name(name.trim())).collect();
    Work::of_several(&source, &script, &request, &names)?.curvature()
}

/// Conditions whose domain need not be convex.
fn tears(kind: ConditionKind) -> bool {
    use ConditionKind::{DetPositive, Invertible, NonZero, NotPole, PositiveSpectrum};
    matches!(kind, DetPositive | Invertible | NonZero | NotPole | PositiveSpectrum)
}

/// Conditions without which there is no value, not just no derivative.
fn counts(kind: ConditionKind) -> bool {
    use ConditionKind::{AboveOne, InsideUnit, NonNegative, Positive, PositiveDefinite};
    tears(kind) || matches!(kind, AboveOne | InsideUnit | NonNegative | Positive | PositiveDefinite)
}

impl Work<'_> {
    pub fn curvature(&mut self) -> Result<Curvature, Failure> {
        if self.function.shape != Shape::Scalar {
            let space = self.space(&self.function.shape);
            return Err(self.refuse("shape", format!("curvature is that of a scalar function, this one is in {space}")));
        }
        let several = if self.joined.is_empty() { vec![self.variable.clone()] } else { self.joined.clone() };
        let names: Vec<Name> = several.iter().map(|variable| variable.name.clone()).collect();
        let inputs: Vec<NodeId> = several.iter().map(|variable| variable.structured).collect();
        let pairs: Vec<(NodeId, NodeId)> =
            several.iter().filter(|v| v.node != v.structured).map(|v| (v.node, v.structured)).collect();
        let function = if pairs.is_empty() { self.function.node } else { self.replaced(self.function.node, &pairs) };
        let smooth = curvature::is_smooth(&self.analysis.graph, function, &inputs);
        let problem = proof::problem(self.script, self.function.target, &names[0], &self.analysis);
        let looked = bends(&problem, &names, !smooth);
        // how derivatives treat the structure of a variable is no matter here
        let structure = self.structure();
        let mut notes = self.notes();
        notes.retain(|note| structure.as_ref() != Some(note));
        let looked = match looked {
            Ok(looked) => looked,
            Err(error) => {
                notes.push(format!("no numbers were compared: {error}"));
                Default::default()
            }
        };
        let mut refutations = Vec::new();
        refutations.extend(looked.down.as_ref().map(|bend| refutation("convex", bend)));
        refutations.extend(looked.up.as_ref().map(|bend| refutation("concave", bend)));
        let mut conditions = diff::domain(self.graph(), &[function], None);
        conditions.retain(|condition| counts(condition.kind));
        let mut found = Curvature {
            query: None,
            expression: self.expression(),
            wrt: names.iter().map(ToString::to_string).collect(),
            kind: CurvatureKind::Unknown,
            hessian: None,
            proof: Vec::new(),
            refutations,
            domain: {
                let g = &mut self.analysis.graph;
                domain::texts(g, &mut self.memory, &conditions, &self.taken)
            },
            declared: self.declared(),
            assumptions: self.analysis.assumptions.clone(),
            notes,
            lines: looked.lines,
            contradicted: false,
        };
        let torn = conditions.iter().any(|condition| tears(condition.kind));
        match (&looked.down, &looked.up) {
            (Some(_), Some(_)) => found.kind = CurvatureKind::Neither,
            (down, up) => {
                let (down, up) = (down.is_some(), up.is_some());
                self.prove_curvature(&mut found, function, &inputs, (smooth, down))?;
                let against = match found.kind {
                    CurvatureKind::Affine => down || up,
                    CurvatureKind::Convex => down,
                    CurvatureKind::Concave => up,
                    _ => false,
                };
                if against {
                    found.contradicted = true;
                    found
                        .notes
                        .push("NUMBERS CONTRADICT THIS PROOF, do not use it: this is a defect of matgrad".into());
                }
                let proved = matches!(found.kind, CurvatureKind::Convex | CurvatureKind::Concave);
                if proved && !against {
                    // that it is not both is no news
                    found.refutations.clear();
                    if torn {
                        found.notes.push(format!("{} on every convex part of its domain", found.kind.name()));
                    }
                }
            }
        }
        Ok(found)
    }

    /// A proof that the function is convex, or concave where it is known not to be convex.
    fn prove_curvature(
        &mut self,
        found: &mut Curvature,
        function: NodeId,
        inputs: &[NodeId],
        (smooth, down): (bool, bool),
    ) -> Result<(), Failure> {
        let composed = curvature::composition(self.graph(), function, inputs);
        self.within_limits()?;
        if let Some((Bending::Affine, lines)) = &composed {
            found.kind = CurvatureKind::Affine;
            found.proof = self.proof_lines(lines)?;
            return Ok(());
        }
        let one = self.joined.is_empty();
        if smooth
            && one
            && let Some((bending, hessian, lines)) = self.by_hessian(function, down)?
        {
            // kinks of what the Hessian leaves out, as of a norm at 0, are a matter of composition
            let agrees = composed.as_ref().is_none_or(|(own, _)| *own == bending);
            if (composed.is_some() || !self.loses_points(function, hessian)) && agrees {
                found.kind = bending.into();
                let node = if bending == Bending::Concave { self.graph().negate(hessian) } else { hessian };
                found.hessian = Some(self.hessian_written(node)?);
                for line in &lines {
                    let formula = self.hessian_written(line.node)?;
                    found.proof.push(ProofLine { formula, curvature: None, why: line.why.clone() });
                }
                return Ok(());
            }
        }
        if let Some((bending, lines)) = composed {
            found.kind = bending.into();
            found.proof = self.proof_lines(&lines)?;
        }
        Ok(())
    }

    /// Whether second derivatives are missing at points of the function's domain.
    fn loses_points(&mut self, function: NodeId, hessian: NodeId) -> bool {
        let g = self.graph();
        let own = diff::domain(g, &[function], None);
        diff::domain(g, &[function, hessian], None).iter().any(|condition| !own.contains(condition))
    }

    /// The Hessian or its negative as a sum of semidefinite terms.
    fn by_hessian(&mut self, function: NodeId, down: bool) -> Result<Option<(Bending, NodeId, Vec<Line>)>, Failure> {
        let Ok(hessian) = self.derivative(2) else { return Ok(None) };
        let hessian = self.with_structure(hessian);
        if self.analysis.graph.is_zero(hessian) {
            return Ok(None);
        }
        let simple = self.simplified(hessian)?;
        let _ = function;
        let kinds = if down { [Bending::Concave, Bending::Convex] } else { [Bending::Convex, Bending::Concave] };
        for bending in kinds {
            for node in [simple, hessian] {
                let signed = if bending == Bending::Concave { self.graph().negate(node) } else { node };
                if let Some(lines) = curvature::semidefinite(self.graph(), signed) {
                    self.within_limits()?;
                    return Ok(Some((bending, simple, lines)));
                }
            }
        }
        Ok(None)
    }

    fn hessian_written(&mut self, node: NodeId) -> Result<Written, Failure> {
        let arranged = self.arranged(node, Layout::Numerator)?;
        let node = self.simplified(arranged.node)?;
        self.written(&Arranged { node, ..arranged })
    }

    fn proof_lines(&mut self, lines: &[Line]) -> Result<Vec<ProofLine>, Failure> {
        let mut found = Vec::new();
        for line in lines {
            let g = &mut self.analysis.graph;
            let shape = g.axes(line.node).to_vec();
            let formula = notation::write(g, &mut self.memory, line.node, Arrangement::Plain, &self.taken);
            let Some(formula) = formula else { continue };
            let arranged = Arranged { node: line.node, arrangement: Arrangement::Plain, shape };
            let mut formula = self.shown(formula, &arranged);
            if formula.shape.is_empty() {
                formula.shape = vec!["1".into(), "1".into()];
            }
            found.push(ProofLine { formula, curvature: line.curvature.map(Bending::name), why: line.why.clone() });
        }
        Ok(found)
    }
}

fn refutation(of: &'static str, bend: &Bend) -> Refutation {
    let texts = |list: &[(Name, Array)]| list.iter().map(|(name, array)| (name.to_string(), literal(array))).collect();
    Refutation {
        of,
        point: texts(&bend.point),
        direction: texts(&bend.direction),
        value: bend.value,
        chord: bend.chord,
    }
}
