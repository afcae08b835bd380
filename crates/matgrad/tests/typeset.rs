//! Derivatives of the corpora in MathML, in Typst and in rows for a terminal: every element is closed, every bracket has its
//! partner, no letter is lost, and Typst, where Python has it, sets them all.

use std::collections::BTreeMap;

use matgrad::{Answer, Layout, Request, Text, Typesetting, derive};
use serde_json::Value;

/// The derivative of each case.
fn answers() -> Vec<(String, Answer)> {
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
                all.push((word("id"), answer));
            }
        }
    }
    assert!(all.len() > 300, "{}", all.len());
    all
}

#[test]
fn every_case_is_set() {
    let mut document = String::new();
    for (id, answer) in answers() {
        let markup = answer.markup();
        let (mathml, typst) = (markup.write(Typesetting::Mathml), markup.write(Typesetting::Typst));
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

/// How often each ASCII letter and digit stands in a text, whatever its face and height.
fn letters(text: &str) -> BTreeMap<char, usize> {
    let small =
        "⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉ⁿⁱᵏᵐᵖᵢⱼₖₘₙₚₛₜₓₐₑᵣᵤᵥ".chars().zip("01234567890123456789nikmpijkmnpstxaeruv".chars());
    let small: BTreeMap<char, char> = small.collect();
    let mut found = BTreeMap::new();
    for c in text.chars() {
        let code = c as u32;
        let plain = match code {
            0x1d400..=0x1d6a3 => {
                let at = (code - 0x1d400) % 52;
                char::from_u32(if at < 26 { 'A' as u32 + at } else { 'a' as u32 + at - 26 })
            }
            0x1d7ce..=0x1d7ff => char::from_digit((code - 0x1d7ce) % 10, 10),
            0x210e => Some('h'),
            _ => Some(*small.get(&c).unwrap_or(&c)),
        };
        if let Some(plain) = plain.filter(char::is_ascii_alphanumeric) {
            *found.entry(plain).or_insert(0) += 1;
        }
    }
    found
}

#[test]
fn every_case_has_rows() {
    for (id, answer) in answers() {
        let mut text = String::new();
        let mathml = answer.markup().write(Typesetting::Mathml).replace("&#x2062;", "").replace("&#x2061;", "");
        let mathml = mathml.replace("&#xa0;", " ");
        for part in mathml.split('<') {
            text.push_str(part.split_once('>').map_or(part, |(_, inside)| inside));
        }
        for width in [40, 92] {
            // without a name before it, what is set is the formula alone
            let rows = answer.markup().plane(width).unwrap_or_else(|| panic!("{id} has no rows"));
            assert_eq!(letters(&rows.concat()), letters(&text), "{id}: {}", rows.join("\n"));
        }
        assert!(answer.derivative.in_rows("derivative", 92).is_some(), "{id}");
    }
}
