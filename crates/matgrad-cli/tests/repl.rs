//! A conversation as it is typed and answered. `UPDATE=1 cargo test -p matgrad-cli --test repl` writes it anew.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What is answered, line by line under what was typed; errors are marked.
fn transcript(input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_matgrad"))
        .args(["repl", "--deadline", "600"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    child.stdin.take().expect("standard input").write_all(input.as_bytes()).expect("a pipe");
    let output = child.wait_with_output().expect("an end");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}\n== refused, status {:?}\n\n{err}", output.status.code())
}

#[test]
fn a_conversation() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/repl");
    let input = std::fs::read_to_string(folder.join("session.txt")).expect("what is typed");
    let found = transcript(&input);
    let file = folder.join("answers.txt");
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(&file, &found).expect("a file");
    }
    let expected = std::fs::read_to_string(&file).expect("what is answered");
    // errors of the check are rounding, which the machine has a say in
    let plain = |text: &str| -> String {
        let kept = |line: &str| line.split("relative error").next().unwrap_or("").to_owned() + "\n";
        text.lines().map(kept).collect()
    };
    assert_eq!(plain(&found), plain(&expected));
}

/// What is saved can be read again, and says the same, with the name of what is defined, which nobody typed.
#[test]
fn what_is_saved_is_read_again() {
    let file = std::env::temp_dir().join(format!("matgrad-repl-{}.mg", std::process::id()));
    let path = file.display();
    let saved = transcript(&format!("S in R^(n x n) symmetric\nf(v) = v'*S*v\nL = f(x)\n:save {path}\n:names\n"));
    let text = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(text, "S in R^(n x n) symmetric\nf(v) = v'*S*v\nL = f(x)\n");
    let again = transcript(&format!(":load {path}\n:names\n"));
    std::fs::remove_file(&file).expect("a file");
    assert!(saved.starts_with("# in R\n"), "{saved}");
    assert_eq!(saved.replacen("# in R\n", "# L in R\n", 1), again);
}

#[test]
fn nonsense_is_refused() {
    for input in
        [")", "\u{0}\u{7}", ":", ": :", "diff", "x in", "((((", "L = L", ":load /nowhere.mg", "é'é'", "[;;]", "# x"]
    {
        let found = transcript(&format!("{input}\n"));
        assert!(!found.contains("panicked"), "{input}: {found}");
    }
}

/// Every function of the language has something to say for itself.
#[test]
fn help_knows_every_function() {
    let names: Vec<&str> = matgrad::function_names().collect();
    let input: String = names.iter().map(|name| format!(":help {name}\n")).collect();
    let found = transcript(&input);
    for name in names {
        assert!(found.contains(&format!("\n{name}: ")) || found.starts_with(&format!("{name}: ")), "{name}: {found}");
    }
    assert!(found.ends_with("== refused, status Some(0)\n\n"), "{found}");
}
