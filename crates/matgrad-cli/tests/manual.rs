//! Help, completions and manual pages, which all come from one definition of the command line.

use std::path::Path;
use std::process::{Command, Output};

fn matgrad(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matgrad")).args(arguments).output().expect("the program")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The commands, as the help lists them.
fn commands() -> Vec<String> {
    let help = text(&matgrad(&["--help"]));
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")).filter_map(first).collect()
}

#[test]
fn completions_and_manual_know_every_command() {
    let names = commands();
    assert!(names.len() > 8, "{names:?}");
    let manual = text(&matgrad(&["man"]));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = text(&matgrad(&["completions", shell]));
        for name in &names {
            assert!(script.contains(name.as_str()), "{shell} does not complete {name}");
            assert!(manual.contains(name.as_str()), "the manual does not have {name}");
        }
    }
    let folder = std::env::temp_dir().join(format!("matgrad-man-{}", std::process::id()));
    let written = matgrad(&["man", "--dir", &folder.display().to_string()]);
    assert!(written.status.success());
    assert!(folder.join("matgrad-diff.1").exists());
    std::fs::remove_dir_all(&folder).expect("a folder");
}

/// The examples of the help are run as they stand, but for those that need data, write elsewhere or do not end.
#[test]
fn examples_of_the_help_run() {
    let mut tried = 0;
    for name in commands().iter().filter(|name| *name != "help") {
        let help = text(&matgrad(&[name, "--help"]));
        for line in help.lines().filter_map(|line| line.strip_prefix("  ")) {
            let line = line.trim_end();
            let is_example = line.starts_with("matgrad ") || line.starts_with("echo ");
            if !is_example || line.contains("in.npz") || line.contains('>') {
                continue;
            }
            let folder = Path::new(env!("CARGO_BIN_EXE_matgrad")).parent().expect("a folder");
            let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            let output = Command::new("sh")
                .args(["-c", line])
                .env("PATH", path)
                .current_dir(root)
                .stdin(std::process::Stdio::null())
                .output()
                .expect("a shell");
            // 1 says that a claim is wrong, which an example may show
            assert!(output.status.code().is_some_and(|code| code < 2), "{line}: {output:?}");
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried} examples");
}
