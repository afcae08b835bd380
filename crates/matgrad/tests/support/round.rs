//! One random request.

use matgrad::{Convention, Layout, Request, Text};

use super::generate::{FUNCTIONS, Generator, Shape, VARIABLES};

/// One round: a function, a variable, an order, a layout, a convention.
pub fn request(seed: u64, round: u64, order: usize) -> (Request, String) {
    let mut g = Generator::new(seed, round);
    let shape = g.shape();
    let depth = if order == 1 { 1 + g.below(3) } else { 1 + g.below(2) };
    let expression = g.expression(shape, depth);
    let written = g.definitions.iter().fold(expression.clone(), |all, definition| format!("{definition}; {all}"));
    let used: Vec<&(&str, &str, &str)> = VARIABLES.iter().filter(|(name, ..)| mentions(&written, name)).collect();
    let any = VARIABLES[g.below(VARIABLES.len())];
    let (wrt, shape_of, _) = match used.as_slice() {
        _ if g.below(50) == 0 => any, // a constant
        [] => any,
        used => **g.pick(&used.iter().collect::<Vec<_>>()),
    };
    let layout = match (order, shape) {
        (1, _) | (_, Shape::Scalar) => g.pick(&Layout::ALL),
        _ if shape_of.starts_with("R ") || shape_of == "R" => g.pick(&Layout::ALL),
        _ => Layout::Tensor,
    };
    let structured = shape_of.split(' ').nth_back(0).is_some_and(|word| word.chars().all(char::is_alphabetic));
    let convention = if structured && g.below(3) == 0 { Convention::Constrained } else { Convention::Free };
    let text = if g.definitions.is_empty() {
        Text::expression(format!("({expression})"))
    } else {
        Text::script("random", format!("{}\nresult = ({expression})", g.definitions.join("\n")))
    };
    let text = VARIABLES
        .iter()
        // the sizes of x and y are those of all others
        .filter(|(name, ..)| [wrt, "x", "y"].contains(name) || mentions(&written, name))
        .fold(text, |t, (name, shape, _)| t.declare(format!("{name} in {shape}")));
    let text = FUNCTIONS
        .iter()
        .filter(|(name, _)| calls(&written, name))
        .fold(text, |t, (name, types)| t.declare(format!("{name} : {types}")));
    let title = format!("{written} by {wrt}, order {order}, {}, {}", layout.name(), convention.name());
    (Request { order, layout, convention, ..Request::new(text, wrt) }, title)
}

/// Whether an abstract function is called, or a derivative of it.
pub fn calls(expression: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    expression.match_indices(name).any(|(at, _)| {
        let after = &expression[at + name.len()..];
        !expression[..at].ends_with(word) && (after.starts_with(['(', '_']) || after.starts_with("'("))
    })
}

/// Whether a name occurs as a word.
fn mentions(expression: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    expression.match_indices(name).any(|(at, _)| {
        !expression[..at].ends_with(word) && !expression[at + name.len()..].starts_with(word)
            || name == "n" && expression[..at].ends_with(' ')
    })
}
