//! The text of every program: each case of the corpora in each target, word for word as in `tests/golden`.
//!
//! `MATGRAD_BLESS=1 cargo test -p matgrad --test golden` writes the files anew; read the difference before you commit it.
//! A paragraph that has stood in the file already, a helper mostly, is named by its first line alone.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use matgrad::{Code, Layout, Target};
use support::cases;

/// The text of a case, or why there is none.
fn written(code: &Code) -> String {
    match code.write() {
        // the first line names the version
        Ok(text) => match text.split_once('\n') {
            Some((first, rest)) if first.contains("written by matgrad") => rest.to_owned(),
            _ => text,
        },
        Err(failure) => format!("refused: {}\n", failure.diagnostics[0].message),
    }
}

/// The sections of a file: paragraphs that have stood before are cut to their first line.
fn file(target: Target) -> String {
    let (mut out, mut known) = (String::new(), BTreeMap::<String, String>::new());
    for case in cases() {
        let mut request = case.request().unverified();
        if request.layout == Layout::Differential {
            request.layout = Layout::Jacobian;
        }
        let mut code = Code::new(request.clone(), target);
        (code.order, code.layout, code.name) = (request.order, Some(request.layout), Some("program".to_owned()));
        if target == Target::Dask {
            // the first array that can be cut
            let variables = matgrad::inspect(&request).map(|found| found.variables).unwrap_or_default();
            for shard in variables.iter().flat_map(|v| ["rows", "columns"].map(|axis| format!("{}: {axis}", v.name))) {
                code.shard = vec![shard];
                if !code.write().is_err_and(|failure| failure.to_string().contains("--shard")) {
                    break;
                }
            }
        }
        out.push_str(&format!("==== {}\n", case.id()));
        for paragraph in written(&code).split("\n\n") {
            let paragraph = paragraph.trim_matches('\n');
            let first = paragraph.lines().next().unwrap_or_default();
            if paragraph.lines().count() > 1 && known.get(first).is_some_and(|text| text == paragraph) {
                out.push_str(&format!("{first} ⋯\n\n"));
            } else {
                known.insert(first.to_owned(), paragraph.to_owned());
                out.push_str(&format!("{paragraph}\n\n"));
            }
        }
    }
    out
}

#[test]
fn programs_stay_as_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let bless = std::env::var_os("MATGRAD_BLESS").is_some();
    let mut problems = Vec::new();
    for target in Target::ALL {
        let (path, text) = (folder.join(format!("{}.txt", target.name())), file(target));
        if bless {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, &text).expect("a file to write");
            continue;
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        let sections = |text: &str| -> BTreeMap<String, String> {
            let named = text.split("==== ").skip(1).filter_map(|section| section.split_once('\n'));
            named.map(|(id, body)| (id.to_owned(), body.to_owned())).collect()
        };
        if golden != text {
            let (old, new) = (sections(&golden), sections(&text));
            let changed = new.iter().find(|(id, body)| old.get(*id) != Some(body));
            let (id, body) = changed.map_or(("fewer cases", ""), |(id, body)| (id.as_str(), body.as_str()));
            let before = old.get(id).map_or("", String::as_str);
            problems.push(format!("{}: {id}\n--- before\n{before}--- now\n{body}", target.name()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
