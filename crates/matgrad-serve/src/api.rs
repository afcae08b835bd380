//! The questions that can be asked, each as JSON in and JSON out.

use std::time::Instant;

use matgrad::{
    Claim, Code, Convention, Failure, Language, Layout, Limits, Markup, Request, Style, Target, Text, Typesetting,
};
use serde_json::{Map, Value, json};

/// A question with its answer, or with what is wrong with it.
pub(crate) type Endpoint = fn(&Value, Instant) -> Result<Value, Value>;

/// The questions by name.
pub(crate) const ENDPOINTS: &[(&str, Endpoint)] = &[
    ("diff", diff),
    ("check", check),
    ("layouts", layouts),
    ("steps", steps),
    ("curvature", curvature),
    ("code", code),
    ("eval", eval),
];

/// The question of this name.
pub(crate) fn find(name: &str) -> Option<Endpoint> {
    ENDPOINTS.iter().find(|(known, _)| *known == name).map(|(_, endpoint)| *endpoint)
}

/// What the text of a request is called in diagnostics.
const ORIGIN: &str = "expression";

fn word<'a>(question: &'a Value, key: &str) -> Option<&'a str> {
    question.get(key).and_then(Value::as_str).map(str::trim).filter(|word| !word.is_empty())
}

fn request(question: &Value, deadline: Instant) -> Result<Request, Value> {
    let Some(expression) = question.get("expression").and_then(Value::as_str) else {
        return Err(plain("question", "`expression` is missing"));
    };
    let declare = question.get("declare").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let text = declare.fold(Text::script(ORIGIN, expression), |text, line| text.declare(line));
    let layout = match word(question, "layout") {
        None => Layout::Numerator,
        Some(name) => Layout::parse(name).ok_or_else(|| plain("question", &format!("there is no layout `{name}`")))?,
    };
    let convention = match word(question, "convention") {
        None => Convention::Free,
        Some(name) => {
            Convention::parse(name).ok_or_else(|| plain("question", &format!("there is no convention `{name}`")))?
        }
    };
    let order = question.get("order").and_then(Value::as_u64).unwrap_or(1).min(9) as usize;
    let limits = Limits { deadline: Some(deadline), ..Limits::default() };
    let wrt = word(question, "wrt").unwrap_or("");
    let mut request = Request::new(text, wrt).layout(layout).convention(convention).order(order).limits(limits);
    request.of = word(question, "of").map(str::to_owned);
    Ok(request)
}

/// What the variables are; with `wrt`, the derivative as the command line has it. The input is described even where it has
/// no derivative.
fn diff(question: &Value, deadline: Instant) -> Result<Value, Value> {
    let request = request(question, deadline)?;
    let found = matgrad::inspect(&request).map_err(|failure| refused(&failure))?;
    let variables: Vec<Value> = found
        .variables
        .iter()
        .map(|v| {
            json!({ "name": v.name, "spelt": matgrad::respell(&v.name, matgrad::TextOptions::UNICODE), "declaration": v.declaration, "axes": v.axes, "attributes": v.attributes,
                    "declared": v.declared })
        })
        .collect();
    let tree: Vec<Value> =
        found.tree.iter().map(|node| json!({ "label": node.label, "operands": node.operands })).collect();
    let input = json!({
        "mathml": found.markup.write(Typesetting::Mathml), "latex": found.markup.write(Typesetting::Latex),
        "shape": found.axes, "variables": variables, "tree": tree,
    });
    if request.wrt.is_empty() {
        return Ok(json!({ "input": input }));
    }
    let answer = match matgrad::derive(&request) {
        Ok(answer) => answer,
        Err(failure) => {
            let mut errors = refused(&failure);
            put(&mut errors, "input", input);
            return Err(errors);
        }
    };
    let mut out = answer.json();
    put(&mut out, "input", input);
    typeset(&mut out, &answer.markup());
    if let (Some(gradient), Some(shown)) = (&answer.gradient, out.get_mut("gradient")) {
        typeset(shown, &gradient.markup());
    }
    Ok(out)
}

/// A claimed derivative, or claimed steps to it: lines that start with `=`, up to the first that is wrong.
fn check(question: &Value, deadline: Instant) -> Result<Value, Value> {
    let request = request(question, deadline)?;
    let text = word(question, "claim").ok_or_else(|| plain("question", "`claim` is missing"))?;
    let any_layout = word(question, "layout").is_none();
    let judged = |text: &str| {
        let claim = Claim { text: text.to_owned(), any_layout };
        matgrad::check(&request, &claim).map(|finding| finding.json()).map_err(|failure| refused(&failure))
    };
    if !text.starts_with('=') {
        return judged(text);
    }
    let mut steps = Vec::new();
    for line in text.lines().map(|line| line.trim().trim_start_matches('=').trim()).filter(|line| !line.is_empty()) {
        let mut step = judged(line)?;
        put(&mut step, "text", json!(line));
        let right = step.get("right") == Some(&json!(true));
        steps.push(step);
        if !right {
            break;
        }
    }
    let Some(mut out) = steps.last().cloned() else { return Err(plain("question", "there are no steps")) };
    put(&mut out, "steps", Value::Array(steps));
    Ok(out)
}

fn layouts(question: &Value, deadline: Instant) -> Result<Value, Value> {
    let mut request = request(question, deadline)?;
    (request.order, request.layout) = (1, Layout::Numerator);
    let all = matgrad::layouts(&request).map_err(|failure| refused(&failure))?;
    let mut out = all.json();
    if let Some(shown) = out.get_mut("layouts").and_then(Value::as_array_mut) {
        for (shown, entry) in shown.iter_mut().zip(&all.entries) {
            typeset(shown, &entry.answer.markup());
        }
    }
    Ok(out)
}

fn steps(question: &Value, deadline: Instant) -> Result<Value, Value> {
    let language = if word(question, "language") == Some("zh") { Language::Chinese } else { Language::English };
    let style = match word(question, "style") {
        None => Style::Chain,
        Some(name) => Style::parse(name).ok_or_else(|| plain("question", &format!("there is no style `{name}`")))?,
    };
    let request = request(question, deadline)?.steps(style, language);
    let answer = matgrad::derive(&request).map_err(|failure| refused(&failure))?;
    let mut out = answer.json();
    if let Some(shown) = out.get_mut("steps").and_then(Value::as_array_mut) {
        for (shown, step) in shown.iter_mut().zip(&answer.steps) {
            let lines: Vec<&str> = step.equations.iter().map(|equation| equation.unicode.as_str()).collect();
            put(shown, "lines", json!(lines));
            let formulas: Vec<&str> =
                step.equations.iter().flat_map(|equation| &equation.mathml).map(String::as_str).collect();
            put(shown, "mathml", json!(formulas));
        }
    }
    Ok(json!({ "steps": out.get("steps") }))
}

/// Whether a function is convex, with its proof or what refutes it.
fn curvature(question: &Value, deadline: Instant) -> Result<Value, Value> {
    let request = request(question, deadline)?;
    let found = matgrad::curvature(&request).map_err(|failure| refused(&failure))?;
    let mut out = found.json();
    if let (Some(hessian), Some(shown)) = (&found.hessian, out.get_mut("hessian")) {
        typeset(shown, &hessian.markup());
    }
    if let Some(shown) = out.get_mut("proof").and_then(Value::as_array_mut) {
        for (shown, line) in shown.iter_mut().zip(&found.proof) {
            typeset(shown, &line.formula.markup());
        }
    }
    Ok(out)
}

fn code(question: &Value, deadline: Instant) -> Result<Value, Value> {
    let request = request(question, deadline)?;
    let name = word(question, "target").unwrap_or("numpy");
    let target = Target::find(name).ok_or_else(|| plain("question", &format!("there is no target `{name}`")))?;
    let order = request.order;
    let mut code = Code::new(request, target);
    code.order = if code.wrt.is_empty() { 0 } else { order };
    let program = code.write().map_err(|failure| refused(&failure))?;
    Ok(json!({ "target": name, "code": program }))
}

fn eval(question: &Value, deadline: Instant) -> Result<Value, Value> {
    let request = request(question, deadline)?;
    let seed = question.get("seed").and_then(Value::as_u64).unwrap_or(1);
    let sample = matgrad::sample(&request, seed).map_err(|failure| refused(&failure))?;
    let sizes: Map<String, Value> = sample.sizes.iter().map(|(name, size)| (name.clone(), json!(size))).collect();
    // what is no number becomes null
    Ok(json!({ "sizes": sizes, "rows": sample.rows, "columns": sample.columns, "entries": sample.entries }))
}

fn typeset(out: &mut Value, markup: &Markup) {
    put(out, "mathml", markup.write(Typesetting::Mathml).into());
    put(out, "typst", markup.write(Typesetting::Typst).into());
}

fn put(out: &mut Value, key: &str, value: Value) {
    if let Value::Object(out) = out {
        out.insert(key.to_owned(), value);
    }
}

fn plain(code: &str, message: &str) -> Value {
    json!({ "errors": [{ "code": code, "message": message, "help": [] }] })
}

/// Diagnostics with their places in the expression, counted in UTF-16 units as pages do.
fn refused(failure: &Failure) -> Value {
    let text = failure.source.text();
    let errors: Vec<Value> = failure
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let mut out = json!({
                "code": diagnostic.code, "message": diagnostic.message, "help": diagnostic.help,
                "labels": diagnostic.labels.iter().map(|(_, text)| text).collect::<Vec<_>>(),
            });
            let (start, end) = (diagnostic.span.start as usize, diagnostic.span.end as usize);
            let place = failure.source.place(diagnostic.span.start);
            let origin = place.origin.to_owned();
            put(&mut out, "origin", json!(origin));
            if origin == ORIGIN {
                // back to where this part starts: on its first line, at its first column
                let line_start = failure.source.line_of(diagnostic.span.start).start as usize;
                let mut first = line_start;
                for _ in 1..place.line {
                    first = failure.source.line_of(first.saturating_sub(1) as u32).start as usize;
                }
                let units = |to: usize| text.get(first..to).map_or(0, |text| text.encode_utf16().count());
                put(&mut out, "start", json!(units(start)));
                put(&mut out, "end", json!(units(end).max(units(start))));
            }
            out
        })
        .collect();
    json!({ "errors": errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_every_question() {
        let described: Value = serde_json::from_str(include_str!("../assets/openapi.json")).expect("JSON");
        let paths = described["paths"].as_object().expect("paths");
        let posted: Vec<&String> =
            paths.iter().filter(|(_, path)| path["post"].is_object()).map(|(path, _)| path).collect();
        let known: Vec<String> = ENDPOINTS.iter().map(|(name, _)| format!("/api/v1/{name}")).collect();
        assert_eq!(posted, known.iter().collect::<Vec<_>>());
        let properties = &described["components"]["schemas"]["Question"]["properties"];
        let names = |key: &str| -> Vec<String> {
            properties[key]["enum"]
                .as_array()
                .expect("names")
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect()
        };
        assert!(names("layout").iter().all(|name| Layout::parse(name).is_some()));
        assert!(names("style").iter().all(|name| Style::parse(name).is_some()));
        assert!(names("language").iter().all(|name| Language::parse(name).is_some()));
        assert_eq!(names("target"), Target::ALL.map(Target::name));
    }
}
