//! Where the text comes from: the command line, a file, or standard input.

use std::io::Read;
use std::path::Path;

use matgrad::Text;

use crate::Trouble;
use crate::args::FunctionArgs;

/// The longest text that is read.
const MAX_BYTES: u64 = 64 << 20;

/// The function and its declarations.
pub fn text(args: &FunctionArgs) -> Result<Text, Trouble> {
    given(&args.function, &args.declare)
}

/// A script as it was written, with where it comes from; declarations stand in front.
pub fn raw(args: &FunctionArgs) -> Result<(String, String), Trouble> {
    let given = args.function.as_str();
    let (origin, text) = if given == "-" {
        ("standard input", standard_input()?)
    } else if is_file(given) {
        (given, read(Path::new(given))?)
    } else {
        ("expression", given.to_owned())
    };
    let declared: String = args.declare.iter().map(|line| format!("{line}; ")).collect();
    Ok((origin.to_owned(), declared + &text))
}

fn standard_input() -> Result<String, Trouble> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Trouble::plain(format!("standard input cannot be read: {error}")))?;
    Ok(text)
}

/// A function and declarations.
pub fn given(given: &str, declare: &[String]) -> Result<Text, Trouble> {
    let text = if given == "-" {
        Text::script("standard input", standard_input()?)
    } else if is_file(given) {
        Text::script(given, read(Path::new(given))?)
    } else {
        Text::expression(given)
    };
    Ok(declare.iter().fold(text, |text, declaration| text.declare(declaration)))
}

/// A script is told from an expression by its name.
fn is_file(given: &str) -> bool {
    given.ends_with(".mg") && !given.contains(['\n', '='])
}

/// The text of a file.
pub fn read(path: &Path) -> Result<String, Trouble> {
    let file = std::fs::File::open(path)
        .map_err(|error| Trouble::plain(format!("cannot read `{}`: {error}", path.display())))?;
    let mut text = String::new();
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Trouble::plain(format!("cannot read `{}`: {error}", path.display())))?;
    Ok(text)
}
