//! Lines in LaTeX and Unicode: fractions of differentials for names such as `dL_dtheta`.

use matgrad_render::{Kind, TextOptions};
use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Parameters, StatementKind};

use super::board::Board;

impl Board {
    fn kind(&self, name: &str) -> Kind {
        if let Some(form) = self.form(name) {
            return form.kind;
        }
        let step = name.strip_prefix('d').filter(|rest| self.form(rest).is_some() || rest.starts_with("grad_"));
        if step.is_some() { Kind::Step } else { matgrad_render::conventional_kind(name) }
    }

    /// The names of derivatives that a line may have, each in LaTeX and for a terminal.
    fn fractions(&self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let target = self.target_name();
        let mut names: Vec<String> = self.staged.stages.iter().map(|stage| stage.name.to_string()).collect();
        names.extend([self.wrt.clone(), format!("grad_{target}")]);
        let spelt = |name: &str| crate::respell(name, TextOptions::UNICODE);
        for (order, power) in [(2, '²'), (3, '³')] {
            let (of, by) = (self.plain_latex(&target), self.plain_latex(&self.wrt));
            let latex = format!(r"\frac{{\partial^{order} {of}}}{{\partial {by}^{order}}}");
            let unicode = format!("∂{power}{}/∂{}{power}", spelt(&target), spelt(&self.wrt));
            found.push((format!("d{order}{target}_d{}{order}", self.wrt), latex, unicode));
        }
        for of in &names {
            for by in &names {
                let name = super::board::fraction(of, by);
                let latex = format!(r"\frac{{\partial {}}}{{\partial {}}}", self.plain_latex(of), self.plain_latex(by));
                let unicode = format!("∂{}/∂{}", spelt(of), spelt(by));
                let direct = format!(r"\left.{latex}\right|_{{\text{{direct}}}}");
                found.push((format!("{name}_direct"), direct, format!("{unicode}|direct")));
                found.push((name, latex, unicode));
            }
        }
        found
    }

    /// Statements in LaTeX.
    pub(super) fn latex(&self, text: &str) -> String {
        let parsed = matgrad_syntax::parse(text).script;
        let kind = |name: &str| self.kind(name);
        let mut parts = Vec::new();
        for statement in &parsed.statements {
            let StatementKind::Definition { name, parameters, body } = &statement.kind else { continue };
            let body = *body;
            parts.push(match parameters {
                Parameters::Index(indices) => {
                    let indices: Vec<Name> = indices.iter().map(|index| index.name.clone()).collect();
                    matgrad_render::latex_definition(&parsed.ast, &name.name, &indices, body, &kind)
                }
                Parameters::None => {
                    format!("{} = {}", self.plain_latex(&name.name), matgrad_render::latex(&parsed.ast, body, &kind))
                }
                Parameters::Function(parameters) => {
                    let parameters: Vec<Name> = parameters.iter().map(|ident| ident.name.clone()).collect();
                    let one = [(&name.name, parameters.as_slice(), body)];
                    matgrad_render::latex_definitions(&parsed.ast, &one, &kind).join(r",\quad ")
                }
            });
        }
        let mut text = parts.join(r",\quad ");
        for (name, fraction, _) in self.fractions() {
            let token = self.plain_latex(&name);
            if text.contains(&token) {
                text = text.replace(&format!("{token}^"), &format!(r"\left({fraction}\right)^"));
                text = text.replace(&token, &fraction);
            }
        }
        let target = self.target_name();
        let gradient = self.plain_latex(&format!("grad_{target}"));
        text.replace(&gradient, &format!(r"\nabla {}", self.plain_latex(&target)))
    }

    fn plain_latex(&self, name: &str) -> String {
        let mut ast = Ast::new();
        let root: ExprId = ast.add(ExprKind::Name(name.into()));
        matgrad_render::latex(&ast, root, &|name| self.kind(name))
    }

    /// A text of the language for a terminal.
    pub(super) fn unicode(&self, text: &str) -> String {
        let mut text = crate::respell(text, TextOptions::UNICODE);
        let spelt = |name: &str| crate::respell(name, TextOptions::UNICODE);
        for (name, _, fraction) in self.fractions() {
            text = replace_word(&text, &spelt(&name), &fraction);
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
