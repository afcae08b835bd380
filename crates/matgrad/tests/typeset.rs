//! Derivatives of the corpora in MathML and in Typst: every element is closed, every bracket has its partner, and
//! Typst, where Python has it, sets them all.

use matgrad::{Layout, Request, Text, Typesetting, derive};
use serde_json::Value;

/// The derivative of each case, in a language.
fn written() -> Vec<(String, String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut all = Vec::new();
    for file in ["cookbook_even.jsonl", "texts.jsonl", "wikipedia.jsonl"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the corpus");
        for line in text.lines().filter(|line| !line.is_empty()) {
            let case: Value = serde_json::from_str(line).expect("a case");
            let word = |key: &str| case[key].as_str().unwrap_or("").to_owned();
            let text = match case["script"].as_str() {
                Some(script) => Text::script("script", script),
                None => Text::expression(word("expr")),
            };
            let declare = case["declare"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let text = declare.fold(text, |text, declaration| text.declare(declaration));
            let layout = Layout::parse(&word("layout")).unwrap_or(Layout::Numerator);
            let order = case["order"].as_u64().unwrap_or(1) as usize;
            let mut request = Request::new(text, word("wrt")).layout(layout).order(order).unverified();
            request.of = case["target"].as_str().map(str::to_owned);
            if let Ok(answer) = derive(&request) {
                let markup = answer.markup();
                all.push((word("id"), markup.write(Typesetting::Mathml), markup.write(Typesetting::Typst)));
            }
        }
    }
    assert!(all.len() > 300, "{}", all.len());
    all
}

#[test]
fn every_case_is_set() {
    let all = written();
    let mut document = String::new();
    for (id, mathml, typst) in &all {
        let mut open: Vec<&str> = Vec::new();
        for tag in mathml.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(tag, _)| tag) {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{id}: {mathml}"),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split(' ').next().unwrap_or(tag)),
            }
        }
        assert!(open.is_empty(), "{id}: {mathml}");
        assert_eq!(typst.matches('(').count(), typst.matches(')').count(), "{id}: {typst}");
        document.push_str(&format!("$ {typst} $\n\n"));
    }
    let Some(python) = std::env::var_os("MATGRAD_PYTHON") else { return };
    let path = std::env::temp_dir().join(format!("matgrad-typeset-{}.typ", std::process::id()));
    std::fs::write(&path, document).expect("a file to write");
    let program = "import sys\ntry:\n    import typst\nexcept ImportError:\n    sys.exit(0)\ntypst.compile(sys.argv[1], format='pdf')";
    let done = std::process::Command::new(python).arg("-c").arg(program).arg(&path).output().expect("Python");
    let _ = std::fs::remove_file(&path);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
