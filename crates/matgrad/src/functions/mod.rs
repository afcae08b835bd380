//! What is known of a function of the language, as data: what it is, how it is differentiated, where that holds and by which
//! rules, with the sources of these. The conversation's `:help` and the pages of the book both show it.

mod samples;

use matgrad_calculus::diff::{Rule, rules_used};
use matgrad_calculus::layout::Layout;
use matgrad_render::TextOptions;
use matgrad_syntax::functions::{self, FUNCTIONS, Function};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::derive::derive;
use crate::queries::{Reply, answer_queries};
use crate::work::Work;
use crate::{Failure, Request, Text};

pub use samples::FunctionSample;
use samples::SAMPLES;

/// What is known of a function.
#[derive(Clone, Debug)]
pub struct FunctionFacts {
    /// Its entry in the table: name, group, number of arguments, meaning.
    pub function: &'static Function,
    /// Other names that it has here.
    pub aliases: Vec<&'static str>,
    /// What it is called elsewhere; not read here, but answered with this name.
    pub elsewhere: Vec<&'static str>,
    /// The function with arguments.
    pub sample: &'static FunctionSample,
    /// The space that its value is in: `R^(n x n)`.
    pub space: String,
    /// The differential by all variables of the sample, checked; `None` of constants.
    pub differential: Option<Box<Answer>>,
    /// The derivative by the first of them, checked: the gradient of a scalar function, otherwise the numerator layout.
    pub derivative: Option<Box<Answer>>,
    /// Where the derivative holds.
    pub domain: Vec<String>,
    /// The rules that lead to it, from the outermost operation on.
    pub rules: Vec<&'static Rule>,
}

impl FunctionFacts {
    /// `1 argument`, `1 or 2 arguments`.
    pub fn arguments(&self) -> String {
        match (self.function.min_args, self.function.max_args) {
            (1, 1) => "1 argument".into(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) if least + 1 == most => format!("{least} or {most} arguments"),
            (least, most) if most >= 64 => format!("{least} arguments or more"),
            (least, most) => format!("{least} to {most} arguments"),
        }
    }

    /// The facts as JSON.
    pub fn json(&self) -> Value {
        let text = |answer: &Option<Box<Answer>>| answer.as_ref().map(|a| shown(a).text(TextOptions::PLAIN));
        let rule = |rule: &&Rule| json!({"name": rule.name, "statement": rule.statement, "source": rule.source});
        json!({
            "name": self.function.name,
            "meaning": self.function.meaning,
            "arguments": self.arguments(),
            "aliases": self.aliases,
            "elsewhere": self.elsewhere,
            "declared": self.sample.declared,
            "expression": self.sample.expression,
            "wrt": self.sample.wrt,
            "space": self.space,
            "differential": text(&self.differential),
            "derivative": text(&self.derivative),
            "domain": self.domain,
            "rules": self.rules.iter().map(rule).collect::<Vec<_>>(),
        })
    }
}

/// The gradient where the answer has one.
fn shown(answer: &Answer) -> &crate::Written {
    answer.gradient.as_ref().unwrap_or(&answer.derivative)
}

/// The functions of the language, each once, in the order of the reference.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().filter(|function| function.name == function.canonical).map(|function| function.name)
}

/// What is known of the function of this name; `None` where there is none.
///
/// ```
/// let facts = matgrad::function_facts("logdet").expect("a function")?;
/// assert_eq!(facts.function.meaning, "logarithm of a positive determinant");
/// assert_eq!(facts.differential.expect("it has one").text(), "tr(X^-1*dX)");
/// assert_eq!(facts.domain, ["det(X) > 0"]);
/// assert_eq!(facts.rules[0].source, "Magnus & Neudecker, ch. 8, §3");
/// assert!(matgrad::function_facts("logdte").is_none());
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the function's example, a defect of this library.
pub fn function_facts(name: &str) -> Option<Result<FunctionFacts, Failure>> {
    let canonical = functions::find(name)?.canonical;
    let function = functions::find(canonical)?;
    let sample = SAMPLES.iter().find(|sample| sample.name == canonical)?;
    Some(facts(function, sample))
}

fn facts(function: &'static Function, sample: &'static FunctionSample) -> Result<FunctionFacts, Failure> {
    let name = function.name;
    let same = |other: &&Function| other.canonical == name && other.name != name;
    let mut facts = FunctionFacts {
        function,
        aliases: FUNCTIONS.iter().filter(same).map(|other| other.name).collect(),
        elsewhere: functions::elsewhere(name).collect(),
        sample,
        space: String::new(),
        differential: None,
        derivative: None,
        domain: Vec::new(),
        rules: Vec::new(),
    };
    let script = format!("{}; value = {}", sample.declared, sample.expression);
    let variables: Vec<&str> = sample.wrt.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    facts.space = crate::outline(&Text::script("sample", script.clone()))?.value.unwrap_or_default();
    let Some(first) = variables.first() else { return Ok(facts) };
    for variable in &variables {
        let request = Request::new(Text::script("sample", script.clone()), *variable);
        let (source, parsed) = request.text.read()?;
        let work = Work::new(&source, &parsed, &request)?;
        for rule in rules_used(&work.analysis.graph, work.function.node, work.variable.node) {
            // the variable itself is not worth a word
            if rule.name != "variable" && !facts.rules.contains(&rule) {
                facts.rules.push(rule);
            }
        }
    }
    let asked = format!("{}; differential {} wrt {}", sample.declared, sample.expression, sample.wrt);
    for reply in answer_queries(&Request::new(Text::script("sample", asked), ""))? {
        if let Reply::Answer(answer) = reply {
            facts.domain.clone_from(&answer.domain);
            facts.differential = Some(answer);
        }
    }
    let request = Request::new(Text::script("sample", script), *first).of("value").layout(Layout::Numerator);
    facts.derivative = derive(&request.expanded()).ok().map(Box::new);
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_facts_that_are_checked() {
        let names: Vec<&str> = function_names().collect();
        assert_eq!(names, SAMPLES.iter().map(|sample| sample.name).collect::<Vec<_>>());
        for name in names {
            let facts = function_facts(name).expect(name).unwrap_or_else(|failure| panic!("{}", failure.render(false)));
            assert!(facts.sample.expression.contains(name), "{name} is not in its example");
            assert_eq!(facts.differential.is_none(), facts.sample.wrt.is_empty(), "{name}");
            for answer in facts.differential.iter().chain(&facts.derivative) {
                let verdict = answer.verified.as_ref().expect(name);
                assert!(verdict.is_right(), "{name}: {:?}", verdict);
            }
            assert!(!facts.space.is_empty(), "{name}");
        }
    }

    #[test]
    fn other_names_lead_to_the_same_facts() {
        let facts = function_facts("normF").expect("a function").expect("facts");
        assert_eq!((facts.function.name, facts.aliases.as_slice()), ("norm", ["norm2", "normF"].as_slice()));
        assert_eq!(facts.arguments(), "1 argument");
        let facts = function_facts("sigmoid").expect("a function").expect("facts");
        assert_eq!(facts.elsewhere, ["logistic", "expit"]);
    }
}
