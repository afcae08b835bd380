//! House rules that a reader can rely on.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    assert!(found.len() > 50, "only {} source files found", found.len());
    found
}

#[test]
fn no_file_has_more_than_800_lines() {
    let long: Vec<String> = all_sources()
        .iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(path).ok()?.lines().count();
            (lines > 800).then(|| format!("{}: {lines}", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these by subject:\n{}", long.join("\n"));
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    // written in two halves, so that this file does not find itself
    let marks = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("FIX", "ME"), concat!("#[ig", "nore")];
    let found: Vec<String> = all_sources()
        .iter()
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| marks.iter().any(|mark| text.contains(mark))))
        .map(|path| path.display().to_string())
        .collect();
    assert!(found.is_empty(), "stubs or reminders in:\n{}", found.join("\n"));
}
