//! The description of the interface is true: what is answered fits it, field by field.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{address, ask, send};
use serde_json::{Value, json};

fn description() -> Value {
    send("GET /api/v1/openapi.json", &[&format!("host: {}", address())], b"").json()
}

/// What of a value does not fit a schema. Objects have no fields that are not described; a word of the schema that is not
/// known here is a mistake.
fn misfits(all: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    let Some(words) = schema.as_object() else { return out.push(format!("{at}: no schema")) };
    for (word, wanted) in words {
        let mut wrong = |what: String| out.push(format!("{at}: {what}"));
        match word.as_str() {
            "description" | "minimum" | "maximum" => {}
            "$ref" => {
                let path = wanted.as_str().and_then(|path| path.strip_prefix('#')).unwrap_or_default();
                match all.pointer(path) {
                    Some(schema) => misfits(all, schema, value, at, out),
                    None => wrong(format!("there is no {wanted}")),
                }
            }
            "type" => {
                let names: Vec<&str> = match wanted {
                    Value::String(name) => vec![name],
                    other => other.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
                };
                let is = |name: &&str| match *name {
                    "string" => value.is_string(),
                    "number" => value.is_number(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "boolean" => value.is_boolean(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    "null" => value.is_null(),
                    _ => false,
                };
                if !names.iter().any(is) {
                    wrong(format!("{value} is no {}", names.join(" or ")));
                }
            }
            "enum" if !wanted.as_array().is_some_and(|known| known.contains(value)) => {
                wrong(format!("{value} is none of {wanted}"));
            }
            "enum" => {}
            "anyOf" => {
                let tries = wanted.as_array().into_iter().flatten().map(|schema| {
                    let mut inner = Vec::new();
                    misfits(all, schema, value, at, &mut inner);
                    inner
                });
                if let Some(fewest) = tries.min_by_key(Vec::len) {
                    out.extend(fewest);
                }
            }
            "required" => {
                for name in wanted.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        wrong(format!("{name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(name) {
                        misfits(all, schema, inner, &format!("{at}.{name}"), out);
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    match wanted {
                        Value::Bool(true) => {}
                        Value::Bool(false) => out.push(format!("{at}: {name} is not described")),
                        schema => misfits(all, schema, inner, &format!("{at}.{name}"), out),
                    }
                }
            }
            "items" => {
                for (k, inner) in value.as_array().into_iter().flatten().enumerate() {
                    misfits(all, wanted, inner, &format!("{at}[{k}]"), out);
                }
            }
            other => wrong(format!("the word {other} of the schema is not known")),
        }
    }
}

/// The schema of what is answered with a status.
fn schema<'a>(all: &'a Value, path: &str, method: &str, status: u16) -> &'a Value {
    let responses = &all["paths"][path][method]["responses"];
    let response = responses.get(status.to_string()).unwrap_or(&responses["default"]);
    &response["content"]["application/json"]["schema"]
}

fn fits(all: &Value, name: &str, question: &Value) -> u16 {
    let reply = ask(name, question);
    let mut out = Vec::new();
    let path = format!("/api/v1/{name}");
    misfits(all, schema(all, &path, "post", reply.status), &reply.json(), name, &mut out);
    assert!(out.is_empty(), "{question}: {}", out.join("\n"));
    reply.status
}

#[test]
fn answers_are_as_described() {
    let all = description();
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus"));
    let mut answered = [0; 7];
    let names = ["diff", "check", "layouts", "steps", "curvature", "code", "eval"];
    for corpus in ["cookbook_even", "texts", "wikipedia"] {
        let text = fs::read_to_string(folder.join(format!("{corpus}.jsonl"))).expect("the corpora");
        for line in text.lines().step_by(5) {
            let case: Value = serde_json::from_str(line).expect("a case");
            let formula = case.get("script").or(case.get("expr")).cloned().unwrap_or_default();
            let mut question = json!({ "expression": formula, "declare": case["declare"], "wrt": case["wrt"],
                "order": case["order"], "claim": case["expected"], "target": "jax", "style": "differential" });
            for (k, name) in names.iter().enumerate() {
                question["layout"] = if *name == "diff" { case["layout"].clone() } else { Value::Null };
                answered[k] += usize::from(fits(&all, name, &question) == 200);
            }
        }
    }
    assert!(answered.iter().all(|count| *count > 20), "{answered:?}");
}

/// What stands in few answers only.
#[test]
fn rare_fields_are_as_described() {
    let all = description();
    let ask = |name: &str, question: Value, status: u16| assert_eq!(fits(&all, name, &question), status, "{question}");
    ask("diff", json!({ "expression": "A*x" }), 200);
    ask("diff", json!({ "expression": "A*(" }), 422);
    ask("diff", json!({ "expression": "x'*A*x", "wrt": "y" }), 422);
    ask("diff", json!({}), 422);
    ask("check", json!({ "expression": "x'*A*x", "wrt": "x", "claim": "A*x" }), 200);
    ask("check", json!({ "expression": "x'*A*x", "wrt": "x", "claim": "= x'*A + x'*A'\n= 2*x'*A" }), 200);
    ask("curvature", json!({ "expression": "x[1]*x[2]", "wrt": "x" }), 200);
    ask("curvature", json!({ "expression": "norm(A*x)^4", "wrt": "x" }), 200);
    ask("curvature", json!({ "expression": "where(x > 0, 1, 0)", "wrt": "x", "declare": ["x in R"] }), 200);
    ask("layouts", json!({ "expression": "A*X*b", "wrt": "X" }), 200);
    ask("steps", json!({ "expression": "norm(A*x)", "wrt": "x", "language": "zh" }), 200);
    ask("eval", json!({ "expression": "log(x)", "wrt": "x", "seed": 3 }), 200);
    ask("code", json!({ "expression": "log(x)", "wrt": "x", "target": "fortran" }), 422);
}

#[test]
fn examples_are_as_described_and_work() {
    let all = description();
    let reply = send("GET /api/v1/examples", &[&format!("host: {}", address())], b"");
    assert_eq!(reply.status, 200);
    let examples = reply.json();
    let mut out = Vec::new();
    misfits(&all, schema(&all, "/api/v1/examples", "get", 200), &examples, "examples", &mut out);
    assert!(out.is_empty(), "{}", out.join("\n"));
    let mut count = 0;
    for example in examples["topics"].as_array().into_iter().flatten().flat_map(|topic| topic["examples"].as_array()) {
        for question in example {
            let reply = ask("diff", question);
            assert!(reply.status == 200 && reply.json()["text"].is_string(), "{question}: {}", reply.json());
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn misfits_are_found() {
    let schema = json!({ "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "type": ["string", "null"] }, "b": { "type": "array", "items": { "type": "integer" } } } });
    let count = |value: Value| {
        let mut out = Vec::new();
        misfits(&schema, &schema, &value, "", &mut out);
        out.len()
    };
    assert_eq!(count(json!({ "a": null, "b": [1, 2] })), 0);
    assert_eq!(
        [json!({}), json!({ "a": 1 }), json!({ "a": "", "c": 1 }), json!({ "a": "", "b": [1.5] })].map(count),
        [1; 4]
    );
}
