//! `--target latex` and `--target typst`: documents of every case of the corpora, complete and well formed; set by Typst where
//! Python has it and by pdflatex where it is installed.

mod support;

use std::io::Write;
use std::process::Command;

use matgrad::{Code, Layout, Target};
use support::cases;

fn documents(target: Target) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for case in cases() {
        let mut request = case.request().unverified();
        if request.layout == Layout::Differential {
            request.layout = Layout::Jacobian;
        }
        let mut code = Code::new(request.clone(), target);
        (code.order, code.layout) = (request.order, Some(request.layout));
        match code.write() {
            Ok(text) => all.push((case.id().to_owned(), text)),
            Err(failure) => panic!("{}: {failure}", case.id()),
        }
    }
    assert!(all.len() > 300, "{}", all.len());
    all
}

fn aloud(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// Braces and environments have their partners, `\left` its `\right`, and dollars come in pairs.
fn well_formed(text: &str) -> Result<(), String> {
    let (mut depth, mut environments): (i64, Vec<&str>) = (0, Vec::new());
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let escaped = at > 0 && bytes[at - 1] == b'\\' && (at < 2 || bytes[at - 2] != b'\\');
        match byte {
            b'{' if !escaped => depth += 1,
            b'}' if !escaped => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return Err("a brace closes too early".to_owned());
        }
    }
    if depth != 0 {
        return Err("a brace stays open".to_owned());
    }
    for part in text.split('\\').skip(1) {
        let name = |word: &'static str| part.strip_prefix(word).and_then(|rest| rest.split('}').next());
        if let Some(name) = name("begin{") {
            environments.push(name);
        } else if let Some(name) = name("end{")
            && environments.pop() != Some(name)
        {
            return Err(format!("\\end{{{name}}} ends something else"));
        }
    }
    let count = |word: &str| {
        text.match_indices(word)
            .filter(|(at, _)| !text[at + word.len()..].starts_with(|c: char| c.is_ascii_alphabetic()))
            .count()
    };
    match (environments.as_slice(), count("\\left") == count("\\right"), text.matches('$').count() % 2) {
        ([], true, 0) => Ok(()),
        ([name, ..], ..) => Err(format!("{name} has no end")),
        (_, false, _) => Err("\\left without \\right".to_owned()),
        _ => Err("a dollar without another".to_owned()),
    }
}

#[test]
fn latex() {
    let all = documents(Target::Latex);
    for (id, text) in &all {
        assert!(text.starts_with("\\documentclass{article}"), "{id}: {text}");
        assert!(text.ends_with("\\end{document}\n"), "{id}: {text}");
        assert!(!text.contains("\\[\n  \n\\]"), "{id} has an empty formula:\n{text}");
        if let Err(problem) = well_formed(text) {
            panic!("{id}: {problem}\n{text}");
        }
    }
    if Command::new("pdflatex").arg("--version").output().is_err() {
        aloud("no pdflatex here: documents in LaTeX are written and read, not set");
        return;
    }
    let folder = std::env::temp_dir().join(format!("matgrad-latex-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    // one document of all bodies: a run of LaTeX for each would take minutes
    let head = all[0].1.split("\\begin{document}").next().unwrap_or_default().to_owned();
    let body = |text: &str| {
        let rest = text.split_once("\\begin{document}").map_or("", |(_, rest)| rest);
        rest.replace("\\end{document}", "\\clearpage")
    };
    let bodies: String = all.iter().map(|(_, text)| body(text)).collect();
    std::fs::write(folder.join("all.tex"), format!("{head}\\begin{{document}}{bodies}\\end{{document}}\n"))
        .expect("a file");
    let done = Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error", "all.tex"])
        .current_dir(&folder)
        .output()
        .expect("pdflatex runs");
    let _ = std::fs::remove_dir_all(&folder);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn typst() {
    let all = documents(Target::Typst);
    for (id, text) in &all {
        assert_eq!(text.matches('$').count() % 2, 0, "{id}: {text}");
        assert_eq!(text.matches('(').count(), text.matches(')').count(), "{id}: {text}");
    }
    let Some(python) = std::env::var_os("MATGRAD_PYTHON") else {
        aloud("no Typst here: documents are written, not set");
        return;
    };
    let document: String = all.iter().map(|(_, text)| text.replace("#set page(height: auto)\n", "")).collect();
    let path = std::env::temp_dir().join(format!("matgrad-documents-{}.typ", std::process::id()));
    std::fs::write(&path, document).expect("a file to write");
    let program = "import sys\ntry:\n    import typst\nexcept ImportError:\n    sys.exit(3)\ntypst.compile(sys.argv[1], format='pdf')";
    let done = Command::new(python).arg("-c").arg(program).arg(&path).output().expect("Python");
    let _ = std::fs::remove_file(&path);
    if done.status.code() == Some(3) {
        aloud("no Typst for this Python: documents are written, not set");
        return;
    }
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
