//! Every `console` block: a line that starts with `$ ` is a command, lines that start with `> ` continue it, what follows is
//! what it prints. A block with `file=NAME` behind its language is such a file for the commands below it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{read, root, texts, updates};

/// The interpreter for commands that start with `python`, where there is one with libraries.
const PYTHON: &str = "MATGRAD_PYTHON";

/// A folder in which the commands of a page run: it has the examples of the project, and what the page saves.
pub struct Place {
    folder: PathBuf,
}

impl Place {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("matgrad-book-{}-{name}", std::process::id()));
        std::fs::create_dir_all(folder.join(".bin")).expect("a folder");
        for shared in ["examples", "docs"] {
            std::os::unix::fs::symlink(root().join(shared), folder.join(shared)).expect("a link");
        }
        if let Some(python) = std::env::var_os(PYTHON) {
            let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", Path::new(&python).display());
            let file = folder.join(".bin/python");
            std::fs::write(&file, script).expect("a script");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&file, mode).expect("a program");
        }
        Self { folder }
    }

    pub fn save(&self, name: &str, text: &str) {
        assert!(!name.contains(['/', '\\']), "{name} is no name of a file");
        std::fs::write(self.folder.join(name), text).expect("a file");
    }

    /// What a command prints on both streams.
    pub fn run(&self, command: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_matgrad")).parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", self.folder.join(".bin").display(), program.display());
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let shell = text.lines().any(|line| line.starts_with("sh: "));
        assert!(!shell && !text.contains("panicked") && !text.contains("defect"), "{command}:\n{text}");
        text
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a machine has no say in: rounding errors are left out, long numbers cut to ten digits.
pub fn stable(text: &str) -> String {
    let rounding = [": relative error", ": relative residual", "\"max_relative_error\""];
    let line = |line: &str| {
        let line = line.trim_end();
        let kept = rounding.iter().find_map(|end| line.split_once(end)).map_or(line, |(before, _)| before);
        rounded(kept) + "\n"
    };
    text.trim_end().lines().map(line).collect()
}

fn rounded(line: &str) -> String {
    let part = |c: char| c.is_ascii_digit() || c == '.';
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = if part(first) { rest.find(|c| !part(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, tail) = rest.split_at(length);
        match word.parse::<f64>() {
            Ok(number) if word.contains('.') && word.len() > 12 => out.push_str(&format!("{number:.9e}")),
            _ => out.push_str(word),
        }
        rest = tail;
    }
    out
}

#[test]
fn the_last_digits_do_not_count() {
    assert_eq!(stable("value = 0.2931509849889643"), stable("value = 0.2931509849889644\n"));
    assert_ne!(stable("value = 0.2931509"), stable("value = 0.2931508"));
    assert_eq!(stable("# checked: relative error 1e-16"), stable("# checked: relative error 0"));
}

/// A fenced block: its first and last line, counted from 0 and both fences included, and what stands behind the first fence.
struct Block {
    first: usize,
    last: usize,
    info: String,
}

fn blocks(lines: &[&str]) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in lines.iter().enumerate() {
        let Some(info) = line.strip_prefix("```") else { continue };
        match open.take() {
            Some((first, info)) => found.push(Block { first, last: at, info }),
            None => open = Some((at, info.trim().to_owned())),
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// The word behind `key=` in what stands behind a fence.
fn word<'a>(info: &'a str, key: &str) -> Option<&'a str> {
    info.split([' ', ',']).find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// What a page should look like, with what its commands print now; and the commands that were run.
fn renewed(page: &Path, text: &str, ran: &mut usize, left_out: &mut Vec<String>) -> String {
    let name: String = page.display().to_string().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let place = Place::new(&name);
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut copied = 0;
    for Block { first, last, info } in blocks(&lines) {
        let body = &lines[first + 1..last];
        if let Some(file) = word(&info, "file") {
            place.save(file, &(body.join("\n") + "\n"));
        }
        if info.split([' ', ',']).next() != Some("console") {
            continue;
        }
        lines[copied..=first].iter().for_each(|line| out.push_str(&format!("{line}\n")));
        copied = last;
        out.push_str(&session(&place, page, body, &info, ran, left_out));
    }
    lines[copied..].iter().for_each(|line| out.push_str(&format!("{line}\n")));
    out
}

fn session(
    place: &Place,
    page: &Path,
    body: &[&str],
    info: &str,
    ran: &mut usize,
    left_out: &mut Vec<String>,
) -> String {
    assert!(body.first().is_some_and(|line| line.starts_with("$ ")), "{}: no command: {body:?}", page.display());
    let mut out = String::new();
    let starts: Vec<usize> = (0..body.len()).filter(|at| body[*at].starts_with("$ ")).collect();
    for (at, start) in starts.iter().enumerate() {
        let part = &body[*start..starts.get(at + 1).copied().unwrap_or(body.len())];
        let continued = part.iter().skip(1).take_while(|line| line.starts_with("> ") || **line == ">").count();
        let (typed, printed) = part.split_at(1 + continued);
        let command: Vec<&str> = typed.iter().map(|line| line.get(2..).unwrap_or("")).collect();
        typed.iter().for_each(|line| out.push_str(&format!("{line}\n")));
        let printed = printed.iter().map(|line| format!("{line}\n")).collect::<String>();
        let found = if can_run(command[0], info) {
            *ran += 1;
            place.run(&command.join("\n"))
        } else {
            left_out.push(command[0].to_owned());
            printed.clone()
        };
        // what differs by rounding only stays as it is
        let same = stable(&found) == stable(&printed);
        out.push_str(if same { &printed } else { &found });
        if !same && starts.get(at + 1).is_some() && !out.ends_with("\n\n") {
            out.push('\n');
        }
    }
    out
}

/// Whether this machine has what a command needs: an interpreter with the modules that the block names.
fn can_run(command: &str, info: &str) -> bool {
    if !command.starts_with("python ") {
        return true;
    }
    let Some(python) = std::env::var_os(PYTHON) else { return false };
    let modules = word(info, "needs").unwrap_or("sys").replace('+', ", ");
    let import = Command::new(python).args(["-c", &format!("import {modules}")]).output();
    import.is_ok_and(|output| output.status.success())
}

#[test]
fn every_command_prints_what_stands_below_it() {
    let (mut ran, mut wrong, mut left_out) = (0, Vec::new(), Vec::new());
    for page in texts() {
        let text = read(&page);
        if !text.contains("```console") {
            continue;
        }
        let now = renewed(&page, &text, &mut ran, &mut left_out);
        if now == text {
            continue;
        }
        if updates() {
            std::fs::write(root().join(&page), &now).expect("a page is written");
        } else {
            wrong.push(difference(&page, &text, &now));
        }
    }
    if !left_out.is_empty() {
        eprintln!("not run, as {PYTHON} or a module of it is missing: {}", left_out.join("; "));
    }
    assert!(ran > 100, "only {ran} commands");
    assert!(wrong.is_empty(), "run with UPDATE=1, and read the difference:\n{}", wrong.join("\n"));
}

/// The first lines in which a page differs.
fn difference(page: &Path, kept: &str, now: &str) -> String {
    let mut out = format!("{}:\n", page.display());
    let (kept, now): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), now.lines().collect());
    let at = kept.iter().zip(&now).take_while(|(a, b)| a == b).count();
    let show = |lines: &[&str], sign: char, out: &mut String| {
        lines.iter().skip(at).take(8).for_each(|line| {
            let _ = writeln!(out, "  {sign} {line}");
        });
    };
    show(&kept, '-', &mut out);
    show(&now, '+', &mut out);
    out
}
