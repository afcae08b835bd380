//! Lines in LaTeX and Unicode: fractions of differentials for names such as `dL_dtheta`.

use matgrad_render::{Kind, TextOptions};
use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Parameters, StatementKind};

use super::board::Board;

impl Board {
    fn kind(&self, name: &str) -> Kind {
        if let Some(form) = self.form(name) {
            return form.kind;
        }
        let step = name.strip_prefix('d').and_then(|rest| self.form(rest));
        if step.is_some() { Kind::Step } else { matgrad_render::conventional_kind(name) }
    }

    /// The names of derivatives that a line may have, with numerator and denominator.
    fn fractions(&self) -> Vec<(String, String, String, bool)> {
        let mut found = Vec::new();
        let mut names: Vec<String> = self.staged.stages.iter().map(|stage| stage.name.to_string()).collect();
        names.push(self.wrt.clone());
        for of in &names {
            for by in &names {
                for direct in [true, false] {
                    let name = super::board::fraction(of, by);
                    found.push((if direct { format!("{name}_direct") } else { name }, of.clone(), by.clone(), direct));
                }
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
                    format!("{} = {}", self.name_latex(&name.name), matgrad_render::latex(&parsed.ast, body, &kind))
                }
                Parameters::Function(parameters) => {
                    let parameters: Vec<Name> = parameters.iter().map(|ident| ident.name.clone()).collect();
                    let one = [(&name.name, parameters.as_slice(), body)];
                    matgrad_render::latex_definitions(&parsed.ast, &one, &kind).join(r",\quad ")
                }
            });
        }
        let mut text = parts.join(r",\quad ");
        for (name, of, by, direct) in self.fractions() {
            let token = self.plain_latex(&name);
            if !text.contains(&token) {
                continue;
            }
            let (of, by) = (self.name_latex(&of), self.name_latex(&by));
            let mut fraction = format!(r"\frac{{\partial {of}}}{{\partial {by}}}");
            if direct {
                fraction = format!(r"\left.{fraction}\right|_{{\text{{direct}}}}");
            }
            text = text.replace(&format!("{token}^"), &format!(r"\left({fraction}\right)^"));
            text = text.replace(&token, &fraction);
        }
        let target = self.target_name();
        let gradient = self.plain_latex(&format!("grad_{target}"));
        text.replace(&gradient, &format!(r"\nabla {}", self.name_latex(&target)))
    }

    fn plain_latex(&self, name: &str) -> String {
        let mut ast = Ast::new();
        let root: ExprId = ast.add(ExprKind::Name(name.into()));
        matgrad_render::latex(&ast, root, &|name| self.kind(name))
    }

    fn name_latex(&self, name: &str) -> String {
        self.plain_latex(name)
    }

    /// A text of the language for a terminal.
    pub(super) fn unicode(&self, text: &str) -> String {
        let mut text = crate::respell(text, TextOptions::UNICODE);
        let spelt = |name: &str| crate::respell(name, TextOptions::UNICODE);
        for (name, of, by, direct) in self.fractions() {
            let token = spelt(&name);
            let fraction = format!("∂{}/∂{}{}", spelt(&of), spelt(&by), if direct { "|direct" } else { "" });
            text = replace_word(&text, &token, &fraction);
        }
        let target = self.target_name();
        replace_word(&text, &spelt(&format!("grad_{target}")), &format!("∇{}", spelt(&target)))
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
