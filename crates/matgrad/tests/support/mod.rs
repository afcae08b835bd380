//! The corpora as requests.

// each test uses its own part
#![allow(dead_code)]

pub mod agree;
pub mod draw;
pub mod generate;
pub mod round;
pub mod smooth;

use std::collections::BTreeMap;
use std::path::Path;

use matgrad::{Array, Convention, Layout, Request, Text};
use serde_json::Value;

/// One case: a function, a variable, a layout, and the form a textbook gives.
pub struct Case {
    fields: Value,
}

impl Case {
    fn text(&self, field: &str) -> &str {
        self.fields[field].as_str().unwrap_or("")
    }

    /// Its name.
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// The textbook's form, where there is one.
    pub fn expected(&self) -> Option<&str> {
        self.fields["expected"].as_str()
    }

    /// Whether the textbook's form does without indices.
    pub fn is_closed(&self) -> bool {
        let indexed = |text: &str| {
            let left = text.split_once(" = ").map_or("", |(left, _)| left);
            left.contains('[') || ["delta[", "eps[", "sum[", "prod[", "max["].iter().any(|word| text.contains(word))
        };
        self.expected().is_some_and(|text| !indexed(text))
    }

    /// The shape in its layout.
    pub fn shape(&self) -> Vec<&str> {
        self.fields["shape"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The sizes of its dimension names.
    pub fn dims(&self) -> BTreeMap<String, usize> {
        let sizes = self.fields["dims"].as_object().into_iter().flatten();
        sizes.map(|(name, size)| (name.clone(), size.as_u64().unwrap_or(1) as usize)).collect()
    }

    /// From which domain each variable is drawn, where it is not any number.
    pub fn domains(&self) -> BTreeMap<String, String> {
        let domains = self.fields["domain"].as_object().into_iter().flatten();
        domains.map(|(name, domain)| (name.clone(), domain.as_str().unwrap_or("").to_owned())).collect()
    }

    /// Whether it has functions without a value.
    pub fn has_abstract_functions(&self) -> bool {
        self.fields["functions"].is_object()
    }

    /// The case as a request.
    pub fn request(&self) -> Request {
        let script = self.fields["script"].as_str();
        let mut text = match script {
            Some(script) => Text::script(self.id(), script),
            None => Text::expression(self.text("expr")),
        };
        for declaration in self.fields["declare"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            text = text.declare(declaration);
        }
        let order = self.fields["order"].as_u64().unwrap_or(1) as usize;
        let layout = Layout::parse(self.text("layout")).expect("a layout");
        let convention = Convention::parse(self.text("convention")).unwrap_or_default();
        Request::new(text, self.text("wrt")).order(order).layout(layout).convention(convention)
    }
}

/// All cases of all corpora.
pub fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the corpora").map(|e| e.expect("a file").path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "jsonl")) {
        let text = std::fs::read_to_string(file).expect("a corpus");
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            cases.push(Case { fields: serde_json::from_str(line).expect("a case") });
        }
    }
    cases
}

/// The length of a text without white space.
pub fn length(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// The largest difference against the largest entry; infinite where the shapes differ by more than axes of size 1.
pub fn difference(a: &Array, b: &Array) -> f64 {
    let long = |x: &Array| x.shape().iter().copied().filter(|n| *n != 1).collect::<Vec<_>>();
    if long(a) != long(b) {
        return f64::INFINITY;
    }
    let largest = b.data().iter().fold(1e-3f64, |most, x| most.max(x.abs()));
    let gap = a.data().iter().zip(b.data()).fold(0.0f64, |most, (x, y)| {
        let gap = (x - y).abs();
        if gap.is_nan() { f64::INFINITY } else { most.max(gap) }
    });
    gap / largest
}
