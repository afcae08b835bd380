//! The book and the READMEs: every command in them runs and prints what stands below it, the pages of the functions are those
//! of the tables, and every link leads somewhere. `UPDATE=1 cargo test -p matgrad-cli --test book` writes anew what is made.

mod commands;
mod functions;
mod links;
mod pictures;

use std::path::{Path, PathBuf};

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project")
}

/// Whether what is made is written anew.
pub fn updates() -> bool {
    std::env::var_os("UPDATE").is_some()
}

/// All texts below `docs`, and the READMEs, as paths from the root.
pub fn texts() -> Vec<PathBuf> {
    let root = root();
    let mut found: Vec<PathBuf> = vec!["README.md".into(), "README.zh.md".into()];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the book").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path.strip_prefix(&root).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// A text by its path from the root.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Keeps a text that is made, or says that it is out of date.
pub fn keep(path: &Path, text: &str, stale: &mut Vec<String>) {
    let file = root().join(path);
    if std::fs::read_to_string(&file).is_ok_and(|kept| kept == text) {
        return;
    }
    if updates() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, text).expect("a page is written");
    } else {
        stale.push(path.display().to_string());
    }
}
