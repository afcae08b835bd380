//! `matgrad check FILE…`, the bar that shows how far long work has come, and files that are whole or not there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn matgrad(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matgrad")).args(arguments).current_dir(root()).output().expect("the program")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("matgrad-files-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn corpora_and_scripts_are_judged() {
    let output = matgrad(&["check", "tests/corpus/texts.jsonl", "examples/curves.mg", "examples/volume.mg"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("tests/corpus/texts.jsonl: right, 109 answers and claims\n"), "{said}");
    assert!(said.contains("examples/volume.mg: claims nothing\n") && said.contains("all right: "), "{said}");
    // from a pipe there is no bar
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn what_is_wrong_is_named() {
    let folder = folder("wrong");
    let (steps, claims) = (folder.join("steps.mg"), folder.join("claims.jsonl"));
    std::fs::write(&steps, "x in R^n\ngrad x'*x wrt x\n= 2*x\n= 3*x\n").expect("a script");
    std::fs::write(&claims, "{\"id\": \"one\", \"expr\": \"A*x\", \"wrt\": \"x\", \"expected\": \"A'\"}\n")
        .expect("a corpus");
    let (steps, claims) = (steps.display().to_string(), claims.display().to_string());
    let output = matgrad(&["check", &claims, &steps]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("one: ") && said.contains("denominator") && said.contains("line 4: "), "{said}");
    assert!(said.ends_with("2 wrong, in 2 files\n"), "{said}");
    let output = matgrad(&["check", &claims, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json[0]["wrong"][0]["name"], "one");
    assert_eq!(matgrad(&["check", &claims, "nowhere.mg"]).status.code(), Some(2));
    assert_eq!(matgrad(&["check", "A*x", "--wrt", "x", "--claim", "A", "more.mg"]).status.code(), Some(2));
    std::fs::remove_dir_all(folder).expect("a folder");
}

/// `script` gives a program a terminal.
#[test]
fn a_terminal_sees_a_bar_unless_it_is_dumb() {
    let there = Command::new("script").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("there is no `script` here: the bar is not looked at");
        return;
    }
    let folder = folder("bar");
    let long = std::fs::read_to_string(root().join("tests/corpus/wikipedia.jsonl")).expect("a corpus").repeat(12);
    std::fs::write(folder.join("long.jsonl"), long).expect("a corpus");
    let seen = |term: &str| {
        let command = format!("stty cols 100; {} check long.jsonl", env!("CARGO_BIN_EXE_matgrad"));
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(&folder)
            .env("TERM", term)
            .stdin(Stdio::null())
            .output()
            .expect("a terminal");
        text(&output.stdout)
    };
    let (bar, dumb) = (seen("xterm"), seen("dumb"));
    assert!(bar.contains("/2196") && bar.contains("/s") && bar.contains(" left"), "{bar}");
    assert!(dumb.contains("right") && !dumb.contains(" left"), "{dumb}");
    std::fs::remove_dir_all(folder).expect("a folder");
}

/// Whatever happens in the middle, a file is as it was or as it should be, and nothing is left beside it.
#[test]
fn an_end_in_the_middle_leaves_files_as_they_were() {
    let folder = folder("killed");
    std::fs::write(folder.join("d.json"), "{\"x\": [1, 2]}").expect("data");
    std::fs::write(folder.join("out.json"), "old").expect("a file");
    let run = |extra: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_matgrad"));
        command.args(["eval", "norm(x)", "--wrt", "x", "--data", "d.json", "--out", "out.json"]).args(extra);
        command.current_dir(&folder).stderr(Stdio::null()).spawn().expect("the program")
    };
    let kept = || std::fs::read_to_string(folder.join("out.json")).expect("a file");
    let mut child = run(&["--time", "4000000000"]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    child.kill().expect("an end");
    child.wait().expect("an end");
    assert_eq!(kept(), "old");
    assert!(run(&[]).wait().expect("an end").success());
    assert!(kept().contains("derivative"));
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 2);
    std::fs::remove_dir_all(folder).expect("a folder");
}

/// Ctrl-C after so many milliseconds: the exit status and what was printed.
#[cfg(unix)]
fn interrupted(folder: &Path, arguments: &[&str], after: u64) -> (Option<i32>, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_matgrad"))
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    std::thread::sleep(std::time::Duration::from_millis(after));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("a signal");
    let output = child.wait_with_output().expect("an end");
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    (output.status.code(), text(&output.stdout))
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_nothing_half_written() {
    let folder = folder("interrupted");
    let corpus = std::fs::read_to_string(root().join("tests/corpus/wikipedia.jsonl")).expect("a corpus");
    std::fs::write(folder.join("short.jsonl"), corpus.lines().next().expect("a case")).expect("a corpus");
    std::fs::write(folder.join("long.jsonl"), corpus.repeat(200)).expect("a corpus");
    let layers: String = (0..3000).map(|k| format!("y_{} = sin(A_{k}*y_{k} + norm(y_{k})*y_{k})\n", k + 1)).collect();
    std::fs::write(folder.join("plan.mg"), format!("x in R^3\ny_0 = x\n{layers}")).expect("a script");
    std::fs::write(folder.join("d.json"), "{\"s\": 2}").expect("data");
    std::fs::write(folder.join("out.npz"), "old").expect("a file");
    let there = || -> Vec<_> {
        let mut names: Vec<_> =
            std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").file_name()).collect();
        names.sort();
        names
    };
    let before = there();
    let long: [&[&str]; 4] = [
        &["check", "short.jsonl", "long.jsonl"],
        &["check", "short.jsonl", "long.jsonl", "--format", "json"],
        &["bench", "--json"],
        &["diff", "plan.mg", "--wrt", "x", "--order", "2", "--layout", "tensor"],
    ];
    for arguments in long {
        let (status, printed) = interrupted(&folder, arguments, 700);
        assert_eq!(status, Some(130), "{arguments:?}: {printed}");
        // whole lines, whole values
        assert!(printed.is_empty() || printed.ends_with('\n'), "{arguments:?}: {printed}");
        if arguments.contains(&"--format") {
            assert!(printed.is_empty(), "{printed}");
        }
        for line in printed.lines().filter(|_| arguments.contains(&"--json")) {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        assert_eq!(there(), before, "{arguments:?}");
    }
    // while a large file is written it is the former one or the new one
    let arguments = ["eval", "s*ones(2500, 2500)", "--data", "d.json", "--out", "out.npz"];
    for after in [40, 80, 120, 160, 240, 320, 480] {
        let (status, _) = interrupted(&folder, &arguments, after);
        assert!(matches!(status, Some(0 | 130)), "{status:?}");
        let bytes = std::fs::read(folder.join("out.npz")).expect("a file");
        assert!(bytes == b"old" || bytes.len() > 50_000_000, "{} bytes", bytes.len());
        assert_eq!(there(), before);
    }
    std::fs::remove_dir_all(folder).expect("a folder");
}
