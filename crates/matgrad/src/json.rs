//! Answers as JSON, as the reference of the command line has it.

use serde_json::{Map, Value, json};

use crate::Placement;
use crate::answer::{Answer, Step, Written};
use matgrad_check::Verdict;
use matgrad_render::TextOptions;

impl Answer {
    /// The answer as JSON.
    pub fn json(&self) -> Value {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        if let Some(query) = &self.query {
            put("query", json!(query));
        }
        put("expression", json!(self.expression));
        put("wrt", json!(self.wrt));
        put("order", json!(self.order));
        put("layout", json!(self.layout.name()));
        put("convention", json!(self.convention.name()));
        put("shape", json!(self.derivative.shape));
        put("text", json!(self.text()));
        put("latex", json!(self.latex()));
        if let Some(gradient) = &self.gradient {
            put("gradient", written(gradient));
        }
        for (name, form) in &self.also {
            put(name, written(form));
        }
        put("notation", json!(self.derivative.notation().name()));
        put("assumptions", json!(self.assumptions));
        put("domain", json!(self.domain));
        put("notes", json!(self.notes));
        put("verified", self.verified.as_ref().map_or(Value::Null, verdict));
        put("steps", Value::Array(self.steps.iter().map(step).collect()));
        if !self.layouts.is_empty() {
            put("layouts", Value::Array(self.layouts.iter().map(Placement::json).collect()));
        }
        Value::Object(out)
    }
}

fn step(step: &Step) -> Value {
    json!({
        "rule": step.rule, "key": step.key, "why": step.why, "statement": step.statement, "source": step.source,
        "text": step.text, "latex": step.latex, "before": step.before, "after": step.after, "shape": step.shape,
        "verified": step.verified.as_ref().map_or(Value::Null, verdict),
    })
}

fn written(written: &Written) -> Value {
    json!({ "text": written.text(TextOptions::PLAIN), "latex": written.latex(), "shape": written.shape })
}

pub(crate) fn verdict(verdict: &Verdict) -> Value {
    let mut out = json!({ "points": verdict.points, "max_relative_error": verdict.max_relative_error });
    let reason = match (&verdict.failure, &verdict.error) {
        (Some(failure), _) => Some(("failure", failure.message.clone())),
        (None, Some(error)) => Some(("reason", error.message.clone())),
        (None, None) if verdict.singular => {
            Some(("failure", "the formula has no value where the function has a derivative".to_owned()))
        }
        (None, None) => None,
    };
    if let (Some((key, text)), Value::Object(out)) = (reason, &mut out) {
        out.insert(key.to_owned(), Value::String(text));
    }
    out
}
