//! What the names of a text are, without asking for a derivative.

use matgrad_calculus::graph::{Dim, DimTable};
use matgrad_calculus::infer::{self, Shape};
use matgrad_syntax::{Script, StatementKind};

use crate::{Failure, Text};

/// What a text says of its names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Variables and definitions with the space that their values are in: `x` in `R^n`.
    pub names: Vec<(String, String)>,
    /// The space of the last bare expression or definition, where there is one: `R^(m x n)`.
    pub value: Option<String>,
    /// What was assumed of names that nobody declared.
    pub assumptions: Vec<String>,
}

/// Reads a text and finds the shapes of everything in it.
///
/// ```
/// use matgrad::{Text, outline};
/// let outline = outline(&Text::script("a.mg", "A in R^(m x n)\nF = A'*A"))?;
/// assert_eq!(outline.value.as_deref(), Some("R^(n x n)"));
/// assert_eq!(outline.names[0], ("A".into(), "R^(m x n)".into()));
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// Everything that is not in the language or has shapes that do not fit.
pub fn outline(text: &Text) -> Result<Outline, Failure> {
    let (_, script) = text.read()?;
    let valued = has_value(&script);
    // declarations alone have no value: a number stands for one
    let whole = if valued { text.clone() } else { text.clone().after("value", "\n0") };
    let (source, script) = whole.read()?;
    let analysis = infer::analyze(&script, &infer::Options::default())
        .map_err(|diagnostics| Failure { source: source.clone(), diagnostics })?;
    let sizes = &analysis.graph.sizes;
    let variables = analysis.variables.iter().map(|variable| {
        let attributes: String = variable.attributes.iter().map(|a| format!(" {}", a.name())).collect();
        (variable.name.to_string(), space(&variable.shape, sizes) + &attributes)
    });
    let definitions = analysis.definitions.iter().map(|(name, value)| (name.to_string(), space(&value.shape, sizes)));
    Ok(Outline {
        names: variables.chain(definitions).collect(),
        value: valued.then(|| space(&analysis.target.shape, sizes)),
        assumptions: analysis.assumptions.clone(),
    })
}

/// Whether something in the script is a value.
fn has_value(script: &Script) -> bool {
    let valued = |kind: &StatementKind| {
        matches!(kind, StatementKind::Expression(_) | StatementKind::Definition { .. } | StatementKind::Implicit { .. })
    };
    script.statements.iter().any(|statement| valued(&statement.kind))
}

/// `R^(m x n)`: the space of a shape.
pub(crate) fn space(shape: &Shape, sizes: &DimTable) -> String {
    let text = |dim: &Dim| sizes.text(*dim);
    let plain = |text: String| if text.chars().all(char::is_alphanumeric) { text } else { format!("({text})") };
    match shape {
        Shape::Scalar => "R".into(),
        Shape::Column(n) => format!("R^{}", plain(text(n))),
        Shape::Row(n) => format!("R^(1 x {})", text(n)),
        Shape::Matrix(m, n) => format!("R^({} x {})", text(m), text(n)),
        Shape::Tensor(dims) => format!("R^({})", dims.iter().map(text).collect::<Vec<_>>().join(" x ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        let of = |text: &str| outline(&Text::script("test", text));
        let found = of("x in R^n; S in R^(n x n) symmetric").expect("declarations");
        assert_eq!(found.names, [("x".into(), "R^n".into()), ("S".into(), "R^(n x n) symmetric".into())]);
        assert_eq!(found.value, None);
        let found = of("norm(y - Phi*theta)^2").expect("an expression");
        assert_eq!(found.value.as_deref(), Some("R"));
        assert_eq!(found.assumptions.len(), 3);
        assert!(of("A*").is_err());
        assert!(of("A in R^(m x n); A*A*A").is_err());
    }
}
