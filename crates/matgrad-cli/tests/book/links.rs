//! Links: what the table of contents names is there, every page is in it, and what a page points to exists.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::{read, root, texts};

/// The targets of the links and pictures of a text, but for those of code.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced || line.starts_with("    ") && !line.trim_start().starts_with('-') {
            continue;
        }
        // what stands between backticks is code, though a link may be called so
        let line: String = line.split('`').step_by(2).collect();
        for part in line.split("](").skip(1) {
            if let Some(target) = part.split(')').next() {
                found.push(target.to_owned());
            }
        }
        for part in line.split("src=\"").chain(line.split("srcset=\"").skip(1)).skip(1) {
            if let Some(target) = part.split('"').next() {
                found.push(target.to_owned());
            }
        }
    }
    found.retain(|target| !target.is_empty() && !target.contains(' '));
    found
}

/// The anchors of the headings of a text.
fn anchors(text: &str) -> BTreeSet<String> {
    let heading = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(heading).collect()
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[test]
fn every_link_leads_somewhere() {
    let mut lost = Vec::new();
    let mut pages = texts();
    pages.push("ARCHITECTURE.md".into());
    for page in pages {
        let text = read(&page);
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let there =
                if file.is_empty() { page.clone() } else { plain(&page.parent().unwrap_or(Path::new("")).join(file)) };
            if !root().join(&there).exists() {
                lost.push(format!("{}: {target}", page.display()));
            } else if !anchor.is_empty() && !anchors(&read(&there)).contains(anchor) {
                lost.push(format!("{}: {target} has no such heading", page.display()));
            }
        }
    }
    assert!(lost.is_empty(), "these lead nowhere:\n{}", lost.join("\n"));
}

#[test]
fn the_table_of_contents_has_every_page_once() {
    let listed = targets(&read(Path::new("docs/SUMMARY.md")));
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "a page is listed twice");
    let pages: BTreeSet<String> = texts()
        .iter()
        .filter_map(|page| page.strip_prefix("docs").ok().map(|page| page.display().to_string()))
        .filter(|page| page != "SUMMARY.md")
        .collect();
    let orphans: Vec<&String> = pages.iter().filter(|page| !unique.contains(page)).collect();
    assert!(orphans.is_empty(), "not in docs/SUMMARY.md: {orphans:?}");
}

#[test]
fn the_book_names_every_command_and_option() {
    let book: String = texts().iter().map(|page| read(page)).collect();
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_matgrad")).args(arguments).output().expect("the program");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut missing = Vec::new();
    let list = help(&["--help"]);
    let commands = list.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let Some(name) = line.split_whitespace().next().filter(|name| *name != "help") else { continue };
        if !book.contains(&format!("matgrad {name}")) {
            missing.push(name.to_owned());
        }
        for word in help(&[name, "--help"]).split_whitespace().filter(|word| word.starts_with("--")) {
            let option = word.trim_end_matches([',', '.', ')', ':', ';']);
            if option.len() > 2 && option != "--help" && !book.contains(option) {
                missing.push(format!("{name} {option}"));
            }
        }
    }
    assert!(missing.is_empty(), "the book does not name: {}", missing.join("; "));
}

/// Code that a page quotes (` ```rust from=FILE `) stands in the file, line by line.
#[test]
fn what_is_quoted_stands_in_the_code() {
    let mut quoted = 0;
    for page in texts() {
        let text = read(&page);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some((_, file)) = line.strip_prefix("```").and_then(|info| info.split_once("from=")) else { continue };
            let quote: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).map(str::trim).collect();
            let code = read(Path::new(file.trim()));
            let code: Vec<&str> = code.lines().map(str::trim).collect();
            assert!(
                !quote.is_empty() && code.windows(quote.len()).any(|part| part == quote),
                "{file} has no {quote:#?}"
            );
            quoted += 1;
        }
    }
    assert!(quoted > 10, "{quoted} quotes");
}
