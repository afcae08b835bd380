//! The same partial derivatives in every layout: shapes, how one is obtained from another, who prints which, and where
//! each entry goes.

mod picture;
mod readers;
mod svg;
mod words;

use matgrad_calculus::layout::{Kind, Layout, arrange};
use matgrad_render::TextOptions;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::derive::derive;
use crate::work::Work;
use crate::{Failure, Request};

pub use picture::{Cell, Picture};

/// A derivative in all layouts that it has.
#[derive(Clone, Debug)]
pub struct Layouts {
    /// The function as it was written.
    pub expression: String,
    /// The variable.
    pub wrt: String,
    /// Rows and columns of the function, or one entry an axis.
    pub function_shape: Vec<String>,
    /// Rows and columns of the variable, or one entry an axis.
    pub variable_shape: Vec<String>,
    /// Each layout in the order of the reference.
    pub entries: Vec<LayoutEntry>,
}

/// A derivative in one layout.
#[derive(Clone, Debug)]
pub struct LayoutEntry {
    /// The layout.
    pub layout: Layout,
    /// The checked answer in it.
    pub answer: Answer,
    /// What the layout does, in words.
    pub rule: &'static str,
    /// How it is obtained from other layouts, as an expression of the language over their names; `None` of the first.
    pub from: Option<String>,
    /// The same in words, where there is more to say.
    pub how: Option<&'static str>,
    /// Which books, libraries and programs print it for functions and variables of these shapes.
    pub printed_by: Vec<&'static str>,
    /// Where each entry goes, for a small instance.
    pub picture: Option<Picture>,
}

/// A layout beside a derivation: what it does with the partial derivatives, without the formula.
#[derive(Clone, Debug)]
pub struct Placement {
    /// The layout.
    pub layout: Layout,
    /// Rows and columns, or one entry an axis.
    pub shape: Vec<String>,
    /// What the layout does, in words.
    pub rule: String,
    /// How it is obtained from other layouts, as an expression of the language over their names.
    pub from: Option<String>,
    /// Which books, libraries and programs print it for functions and variables of these shapes, by short names.
    pub printed_by: Vec<&'static str>,
}

impl Placement {
    pub(crate) fn json(&self) -> Value {
        json!({
            "layout": self.layout.name(),
            "shape": self.shape,
            "rule": self.rule,
            "from": self.from,
            "printed_by": self.printed_by,
        })
    }
}

impl Work<'_> {
    /// The layouts that the first derivative has.
    pub(crate) fn placements(&mut self) -> Vec<Placement> {
        let Ok(node) = self.derivative(1) else { return Vec::new() };
        let (f, x) = (self.function.shape.clone(), self.variable.shape.clone());
        let language = self.request.language;
        let mut placements = Vec::new();
        for layout in Layout::ALL {
            let shape = match layout {
                Layout::Differential => shape(self, &f),
                _ => match arrange(&mut self.analysis.graph, node, &f, &x, 1, layout) {
                    Ok(arranged) => {
                        let sizes = &self.analysis.graph.sizes;
                        arranged.shape.iter().map(|dim| sizes.text(*dim)).collect()
                    }
                    Err(_) => continue,
                },
            };
            placements.push(Placement {
                layout,
                shape,
                rule: words::rule(layout, &f, &x).text(language).to_owned(),
                from: relation(layout, &f, &x, self).0,
                printed_by: readers::of(layout, &f, &x).into_iter().map(|reader| reader.name).collect(),
            });
        }
        placements
    }
}

impl Layouts {
    /// The layouts as JSON.
    pub fn json(&self) -> Value {
        let entries: Vec<Value> = self.entries.iter().map(LayoutEntry::json).collect();
        json!({
            "expression": self.expression,
            "wrt": self.wrt,
            "function_shape": self.function_shape,
            "variable_shape": self.variable_shape,
            "assumptions": self.entries.first().map(|entry| entry.answer.assumptions.clone()).unwrap_or_default(),
            "layouts": entries,
        })
    }
}

impl LayoutEntry {
    fn json(&self) -> Value {
        let derivative = &self.answer.derivative;
        json!({
            "layout": self.layout.name(),
            "shape": derivative.shape,
            "text": derivative.text(TextOptions::PLAIN),
            "latex": derivative.latex(),
            "rule": self.rule,
            "from": self.from,
            "how": self.how,
            "printed_by": self.printed_by,
            "picture": self.picture.as_ref().map(Picture::json),
            "verified": self.answer.verified.as_ref().map_or(Value::Null, crate::json::verdict),
        })
    }
}

/// The derivative of a function in every layout, each checked.
///
/// ```
/// use matgrad::{Layout, Request, Text, layouts};
/// let all = layouts(&Request::new(Text::expression("a'*X*b"), "X"))?;
/// let of = |layout: Layout| all.entries.iter().find(|entry| entry.layout == layout).unwrap();
/// assert_eq!(of(Layout::Numerator).answer.text(), "b*a'");
/// assert_eq!(of(Layout::Gradient).answer.text(), "a*b'");
/// assert_eq!(of(Layout::Rowvec).from.as_deref(), Some("vec(gradient)'"));
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the request; layouts are of first derivatives.
pub fn layouts(request: &Request) -> Result<Layouts, Failure> {
    request.limits.hold(&request.text, || every_layout(request))
}

fn every_layout(request: &Request) -> Result<Layouts, Failure> {
    let (source, script) = request.text.read()?;
    let work = Work::new(&source, &script, request)?;
    if request.order != 1 {
        return Err(work.refuse("order", "the layouts that are compared are those of the first derivative"));
    }
    let (f, x) = (work.function.shape.clone(), work.variable.shape.clone());
    let sizes = |kind: &Kind| shape(&work, kind);
    let (function_shape, variable_shape) = (sizes(&f), sizes(&x));
    let small = picture::Sizes::of(&function_shape, &variable_shape);
    let mut entries = Vec::new();
    for layout in Layout::ALL {
        let answer = match derive(&request.clone().layout(layout)) {
            // the numerator layout of a tensor is the tensor itself
            Ok(answer) if answer.layout != layout => continue,
            Ok(answer) => answer,
            Err(failure) if failure.diagnostics.iter().all(|d| d.code == "layout") => continue,
            Err(failure) => return Err(failure),
        };
        let (from, how) = relation(layout, &f, &x, &work);
        entries.push(LayoutEntry {
            layout,
            answer,
            rule: words::rule(layout, &f, &x).english,
            from,
            how,
            printed_by: readers::of(layout, &f, &x).into_iter().map(|reader| reader.full).collect(),
            picture: small.as_ref().and_then(|small| picture::picture(layout, &f, &x, small)),
        });
    }
    if entries.is_empty() {
        return Err(work.refuse("layout", "the derivative has no layout"));
    }
    Ok(Layouts {
        expression: work.expression(),
        wrt: work.variable.name.to_string(),
        function_shape,
        variable_shape,
        entries,
    })
}

fn shape(work: &Work, kind: &Kind) -> Vec<String> {
    let sizes = &work.analysis.graph.sizes;
    match kind {
        Kind::Scalar => vec!["1".into(), "1".into()],
        Kind::Column(n) => vec![sizes.text(*n), "1".into()],
        Kind::Row(n) => vec!["1".into(), sizes.text(*n)],
        Kind::Matrix(m, n) => vec![sizes.text(*m), sizes.text(*n)],
        Kind::Tensor(dims) => dims.iter().map(|dim| sizes.text(*dim)).collect(),
    }
}

fn is_vector(kind: &Kind) -> bool {
    matches!(kind, Kind::Column(_) | Kind::Row(_))
}

/// How a layout is obtained from others.
fn relation(layout: Layout, f: &Kind, x: &Kind, work: &Work) -> (Option<String>, Option<&'static str>) {
    let (fs, xs) = (*f == Kind::Scalar, *x == Kind::Scalar);
    let step = format!("d{}", work.variable.name);
    let is_tensor = |kind: &Kind| matches!(kind, Kind::Tensor(_));
    if is_tensor(f) || is_tensor(x) {
        return (None, None);
    }
    let text = match layout {
        Layout::Numerator | Layout::Blocks => return (None, None),
        Layout::Denominator => "numerator'".to_owned(),
        Layout::Jacobian => match (fs, xs, f, x) {
            (true, true, ..) => "numerator".into(),
            (true, _, _, Kind::Column(_)) | (_, true, Kind::Column(_), _) => "numerator".into(),
            (true, _, _, Kind::Row(_)) | (_, true, Kind::Row(_), _) => "numerator'".into(),
            (true, ..) => "vec(denominator)'".into(),
            (_, true, ..) => "vec(numerator)".into(),
            _ => "numerator".into(),
        },
        Layout::Gradient if fs => "denominator".into(),
        Layout::Gradient => "jacobian'".into(),
        Layout::Rowvec => match x {
            Kind::Matrix(..) => "vec(gradient)'".into(),
            Kind::Row(_) | Kind::Scalar => "gradient".into(),
            _ => "gradient'".into(),
        },
        Layout::Tensor if fs && is_vector(x) => return (Some("gradient".into()), Some("as an array with one axis")),
        Layout::Tensor if fs => "gradient".into(),
        Layout::Tensor if xs => "numerator".into(),
        Layout::Tensor if is_vector(f) && is_vector(x) => "numerator".into(),
        Layout::Tensor => {
            let how = "the Jacobian with its rows and its columns taken apart: reshape, column by column";
            return (None, Some(how));
        }
        Layout::Differential if fs && xs => format!("numerator*{step}"),
        Layout::Differential if fs => match x {
            Kind::Matrix(..) => format!("tr(gradient'*{step})"),
            Kind::Row(_) => format!("gradient*{step}'"),
            _ => format!("gradient'*{step}"),
        },
        Layout::Differential if xs => format!("numerator*{step}"),
        Layout::Differential => {
            let moved = match x {
                Kind::Row(_) => format!("jacobian*{step}'"),
                Kind::Matrix(..) => format!("jacobian*vec({step})"),
                _ => format!("jacobian*{step}"),
            };
            match f {
                Kind::Matrix(p, q) => {
                    let sizes = &work.analysis.graph.sizes;
                    format!("reshape({moved}, {}, {})", sizes.text(*p), sizes.text(*q))
                }
                Kind::Row(_) => format!("({moved})'"),
                _ => moved,
            }
        }
    };
    (Some(text), None)
}
