//! The pictures of layouts are drawn by the program.

use std::path::Path;
use std::process::Command;

use super::{keep, root, updates};

/// Name, expression, variable, declarations.
const DRAWN: &[(&str, &str, &str, &[&str])] = &[
    ("scalar", "a'*X*b", "X", &[]),
    ("vector", "A*x", "x", &[]),
    ("matrix", "A*X*B", "X", &["A, B, X in R^(2 x 2)"]),
    ("curve", "[cos(t), sin(t), t]", "t", &[]),
];

#[test]
fn the_pictures_of_layouts_are_what_the_program_draws() {
    let mut stale = Vec::new();
    for (name, expression, variable, declarations) in DRAWN {
        let mut command = Command::new(env!("CARGO_BIN_EXE_matgrad"));
        command.args(["layouts", expression, "--wrt", variable, "--format", "svg"]);
        declarations.iter().for_each(|line| {
            command.args(["--declare", line]);
        });
        let output = command.current_dir(root()).output().expect("the program");
        let drawn = String::from_utf8(output.stdout).expect("a text");
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{name}: {drawn}");
        keep(&Path::new("docs/images").join(format!("layouts-{name}.svg")), &drawn, &mut stale);
    }
    assert!(stale.is_empty() || updates(), "out of date, run with UPDATE=1: {}", stale.join(", "));
}
