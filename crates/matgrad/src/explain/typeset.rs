//! Lines in LaTeX, MathML and Unicode: fractions of differentials for names such as `dL_dtheta`.

use matgrad_render::{Kind, Markup, TextOptions, Typesetting};
use matgrad_syntax::{Name, Parameters, StatementKind};

use super::board::Board;

/// A derivative by its name, `dL_dtheta`, and as it is read.
struct Fraction {
    name: String,
    latex: String,
    unicode: String,
    mathml: String,
}

fn fraction_mathml(over: &str, under: &str) -> String {
    format!("<mfrac><mrow>{over}</mrow><mrow>{under}</mrow></mfrac>")
}

impl Board {
    fn kind(&self, name: &str) -> Kind {
        let known = self.form(name).map(|form| form.kind).or_else(|| self.functions.get(name).copied());
        if let Some(kind) = known {
            return kind;
        }
        let step = name.strip_prefix('d').filter(|rest| self.form(rest).is_some() || rest.starts_with("grad_"));
        if step.is_some() { Kind::Step } else { matgrad_render::conventional_kind(name) }
    }

    /// The names of derivatives that a line may have, each as it is read.
    fn fractions(&self) -> Vec<Fraction> {
        let mut found = Vec::new();
        let target = self.target_name();
        let mut names: Vec<String> = self.staged.stages.iter().map(|stage| stage.name.to_string()).collect();
        names.extend([self.wrt.clone(), format!("grad_{target}")]);
        let spelt = |name: &str| crate::respell(name, TextOptions::UNICODE);
        for (order, power) in [(2, '²'), (3, '³')] {
            let (of, by) = (self.plain_latex(&target), self.plain_latex(&self.wrt));
            let latex = format!(r"\frac{{\partial^{order} {of}}}{{\partial {by}^{order}}}");
            let unicode = format!("∂{power}{}/∂{}{power}", spelt(&target), spelt(&self.wrt));
            let (of, by) = (self.plain_mathml(&target), self.plain_mathml(&self.wrt));
            let mathml = fraction_mathml(
                &format!("<msup><mo>∂</mo><mn>{order}</mn></msup>{of}"),
                &format!("<mo>∂</mo><msup>{by}<mn>{order}</mn></msup>"),
            );
            found.push(Fraction { name: format!("d{order}{target}_d{}{order}", self.wrt), latex, unicode, mathml });
        }
        for of in &names {
            for by in &names {
                let name = super::board::fraction(of, by);
                let latex = format!(r"\frac{{\partial {}}}{{\partial {}}}", self.plain_latex(of), self.plain_latex(by));
                let unicode = format!("∂{}/∂{}", spelt(of), spelt(by));
                let [over, under] = [of, by].map(|name| format!("<mo>∂</mo>{}", self.read_mathml(name)));
                let mathml = fraction_mathml(&over, &under);
                found.push(Fraction {
                    name: format!("{name}_direct"),
                    latex: format!(r"\left.{latex}\right|_{{\text{{direct}}}}"),
                    unicode: format!("{unicode}|direct"),
                    mathml: format!("<msub><mrow>{mathml}<mo>|</mo></mrow><mtext>direct</mtext></msub>"),
                });
                found.push(Fraction { name, latex, unicode, mathml });
            }
        }
        found
    }

    /// The statements of a text as formulas.
    fn markups(&self, text: &str) -> Vec<Markup> {
        // a prime is a derivative after the name of a function, and a transpose after others
        let functions: Vec<&str> = self.others().collect();
        let parsed = matgrad_syntax::parse(&[functions.as_slice(), &[text]].concat().join("\n")).script;
        let kind = |name: &str| self.kind(name);
        let mut parts = Vec::new();
        for statement in parsed.statements.iter().skip(functions.len()) {
            let StatementKind::Definition { name, parameters, body } = &statement.kind else { continue };
            let body = *body;
            match parameters {
                Parameters::Index(indices) => {
                    let indices: Vec<Name> = indices.iter().map(|index| index.name.clone()).collect();
                    parts.push(Markup::definition(&parsed.ast, &name.name, &indices, body, &kind));
                }
                Parameters::None => {
                    let value = Markup::expression(&parsed.ast, body, &kind);
                    parts.push(Markup::equation(Markup::name(&name.name, &kind), value));
                }
                Parameters::Function(parameters) => {
                    let parameters: Vec<Name> = parameters.iter().map(|ident| ident.name.clone()).collect();
                    let one = [(&name.name, parameters.as_slice(), body)];
                    parts.extend(Markup::definitions(&parsed.ast, &one, &kind));
                }
            }
        }
        parts
    }

    /// Statements in LaTeX.
    pub(super) fn latex(&self, text: &str) -> String {
        let parts: Vec<String> = self.markups(text).iter().map(|part| part.write(Typesetting::Latex)).collect();
        let mut text = parts.join(r",\quad ");
        for Fraction { name, latex, .. } in self.fractions() {
            let token = self.plain_latex(&name);
            if text.contains(&token) {
                text = text.replace(&format!("{token}^"), &format!(r"\left({latex}\right)^"));
                text = text.replace(&token, &latex);
            }
        }
        let target = self.target_name();
        let gradient = self.plain_latex(&format!("grad_{target}"));
        text.replace(&gradient, &format!(r"\nabla {}", self.plain_latex(&target)))
    }

    /// Statements in MathML, each an element of its own.
    pub(super) fn mathml(&self, text: &str) -> Vec<String> {
        let fractions: Vec<(String, String)> =
            self.fractions().into_iter().map(|f| (self.plain_mathml(&f.name), f.mathml)).collect();
        let gradient = format!("grad_{}", self.target_name());
        let (plain, read) = (self.plain_mathml(&gradient), self.read_mathml(&gradient));
        let spelt = |part: &Markup| {
            let mut text = part.write(Typesetting::Mathml);
            for (token, fraction) in &fractions {
                text = text.replace(token, fraction);
            }
            text.replace(&plain, &read)
        };
        self.markups(text).iter().map(spelt).collect()
    }

    fn plain_latex(&self, name: &str) -> String {
        Markup::name(name, &|name| self.kind(name)).write(Typesetting::Latex)
    }

    /// A name in MathML, without the element of the formula around it.
    fn plain_mathml(&self, name: &str) -> String {
        let whole = Markup::name(name, &|name| self.kind(name)).write(Typesetting::Mathml);
        let inner = whole.split_once('>').and_then(|(_, rest)| rest.strip_suffix("</math>"));
        inner.unwrap_or(&whole).to_owned()
    }

    /// The same with ∇ for the gradient.
    fn read_mathml(&self, name: &str) -> String {
        match name.strip_prefix("grad_").filter(|rest| *rest == self.target_name()) {
            Some(target) => format!("<mrow><mo>∇</mo>{}</mrow>", self.plain_mathml(target)),
            None => self.plain_mathml(name),
        }
    }

    /// A text of the language for a terminal.
    pub(super) fn unicode(&self, text: &str) -> String {
        let mut text = crate::respell(text, TextOptions::UNICODE);
        let spelt = |name: &str| crate::respell(name, TextOptions::UNICODE);
        for Fraction { name, unicode, .. } in self.fractions() {
            text = replace_word(&text, &spelt(&name), &unicode);
        }
        let target = self.target_name();
        let (plain, nabla) = (spelt(&format!("grad_{target}")), format!("∇{}", spelt(&target)));
        // its differential, and what is a derivative of it
        text = text.replace(&format!("∂{plain}/"), &format!("∂{nabla}/"));
        text = replace_word(&text, &format!("d{plain}"), &format!("d{nabla}"));
        replace_word(&text, &plain, &nabla)
    }
}

/// Replaces a name where it stands by itself.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(word).filter(|_| !word.is_empty()) {
        let (before, after) = rest.split_at(at);
        let after = after.get(word.len()..).unwrap_or("");
        out.push_str(before);
        let inside = out.chars().next_back().is_some_and(part) || after.chars().next().is_some_and(part);
        out.push_str(if inside { word } else { by });
        rest = after;
    }
    out + rest
}
