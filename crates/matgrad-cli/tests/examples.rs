//! The examples: each runs as its `# run:` lines say and prints what is kept beside it; together they hold every example
//! of the texts. `UPDATE=1 cargo test -p matgrad-cli --test examples` keeps what they print now.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn examples() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root().join("examples")).expect("the examples").map(|e| e.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "mg"));
    files.sort();
    files
}

/// What an example prints, command by command. Rounding errors differ between machines and are left out.
fn transcript(file: &Path) -> String {
    let script = std::fs::read_to_string(file).expect("an example");
    let name = format!("examples/{}", file.file_name().and_then(|name| name.to_str()).expect("a name"));
    let mut out = String::new();
    for line in script.lines().filter_map(|line| line.strip_prefix("# run: ")) {
        let command = line.replace("FILE", &name);
        let args = command.strip_prefix("matgrad ").expect("a matgrad command").split_whitespace();
        let done =
            Command::new(env!("CARGO_BIN_EXE_matgrad")).args(args).current_dir(root()).output().expect("matgrad");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown = text(&done.stdout) + &text(&done.stderr);
        assert!(done.status.success(), "{command} fails:\n{shown}");
        out.push_str(&format!("$ {command}\n"));
        for line in shown.lines() {
            let rounding = [": relative error", ": relative residual"];
            let stable = rounding.iter().find_map(|end| line.split_once(end)).map_or(line, |(before, _)| before);
            out.push_str(stable);
            out.push('\n');
        }
        out.push('\n');
    }
    assert!(!out.is_empty(), "{name} has no `# run:` line");
    out
}

#[test]
fn examples_print_what_is_kept() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut changed = Vec::new();
    for file in examples() {
        let found = transcript(&file);
        assert!(!found.contains("defect"), "{found}");
        let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let kept = root().join("examples/output").join(format!("{stem}.txt"));
        if update {
            std::fs::create_dir_all(root().join("examples/output")).expect("a folder");
            std::fs::write(&kept, &found).expect("the transcript is written");
        } else if std::fs::read_to_string(&kept).unwrap_or_default() != found {
            changed.push(format!("examples/output/{stem}.txt, now:\n{found}"));
        }
    }
    assert!(changed.is_empty(), "{} transcripts differ:\n{}", changed.len(), changed.join("\n"));
}

#[test]
fn every_example_of_the_texts_is_there() {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    let all: String =
        examples().iter().map(|file| plain(&std::fs::read_to_string(file).expect("an example"))).collect();
    let texts = std::fs::read_to_string(root().join("tests/corpus/texts.jsonl")).expect("the corpus of the texts");
    let mut missing = Vec::new();
    for line in texts.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case");
        let pieces: Vec<&str> = match case["expr"].as_str() {
            Some(expr) => vec![expr],
            None => {
                case["script"].as_str().unwrap_or("").lines().filter_map(|l| l.split_once(" = ")).map(|l| l.1).collect()
            }
        };
        if !pieces.iter().all(|piece| all.contains(&plain(piece))) {
            missing.push(format!("{}: {}", case["id"], pieces.join("; ")));
        }
    }
    assert!(missing.is_empty(), "missing in examples/: {}", missing.join("\n"));
}
