//! A function and its derivatives as a document: what the names are, the function, each derivative, how it comes about.

use std::collections::BTreeMap;

use matgrad_calculus::infer::Shape;
use matgrad_calculus::infer::typed::Terms;
use matgrad_calculus::layout::Layout;
use matgrad_render::{Kind, Markup, Typesetting, conventional_kind};
use matgrad_syntax::{ExprId, Name, Parameters, Script, StatementKind};

use crate::{Answer, kinds};

/// What is set.
pub(super) struct Document<'a> {
    pub script: &'a Script,
    pub value: &'a Terms,
    /// Each derivative with what it is called.
    pub answers: &'a [(String, Answer)],
}

/// A line of mathematics or of words.
enum Line {
    Title(String),
    /// Names and where they lie.
    Table(Vec<(String, String)>),
    Formula(String),
    Words(String),
}

impl Document<'_> {
    pub fn write(&self, language: Typesetting) -> String {
        let known = self.kinds();
        let kind = |name: &str| known.get(name).copied().unwrap_or_else(|| conventional_kind(name));
        let set = |markup: Markup| markup.write(language);
        let mut lines = vec![Line::Title("Names".to_owned())];
        let mut rows = Vec::new();
        for variable in &self.value.variables {
            let axes: Vec<String> = match &variable.shape {
                Shape::Row(n) => vec!["1".to_owned(), self.value.sizes.text(*n)],
                shape => shape.axes().iter().map(|d| self.value.sizes.text(*d)).collect(),
            };
            let axes: Vec<String> = axes.iter().map(|axis| expression(axis, language, &|_| Kind::Scalar)).collect();
            let inside = if language == Typesetting::Latex { "\\in" } else { "in" };
            rows.push((set(Markup::name(&variable.name, &kind)), format!("{inside} {}", space(&axes, language))));
        }
        rows.extend(self.functions().map(|(name, domain, codomain)| {
            let [from, to] = [domain, codomain].map(|dims| {
                let dim = |id: &ExprId| Markup::expression(&self.script.ast, *id, &|_| Kind::Scalar).write(language);
                space(&dims.iter().map(dim).collect::<Vec<_>>(), language)
            });
            let arrow = if language == Typesetting::Latex { "\\to" } else { "->" };
            (set(Markup::name(name, &kind)), format!(": {from} {arrow} {to}"))
        }));
        lines.push(Line::Table(rows));
        lines.push(Line::Title("Function".to_owned()));
        let (formulas, name) = self.function(&kind);
        lines.extend(formulas.into_iter().map(|markup| Line::Formula(set(markup))));
        let function = set(name);
        for (word, answer) in self.answers {
            let mut words = word.split('_');
            let mut title = words.next().unwrap_or("derivative").trim_end_matches(['2', '3']).to_owned();
            if answer.order > 1 && title == "derivative" {
                title = format!("derivative of order {}", answer.order);
            }
            title[..1].make_ascii_uppercase();
            let by = set(Markup::name(&answer.wrt, &kind));
            let axes = &answer.derivative.shape;
            let number = axes.iter().all(|axis| axis == "1");
            let axes = axes.iter().filter(|_| !number).map(|axis| expression(axis, language, &|_| Kind::Scalar));
            let shape = space(&axes.collect::<Vec<_>>(), language);
            lines.push(Line::Title(format!("{title} by ${by}$")));
            let formula = set(answer.markup());
            let alone = answer.derivative.formula.axes.is_none() && answer.derivative.formula.definitions.is_empty();
            lines.push(Line::Formula(match alone {
                true => format!("{} = {formula}", left(&function, &by, answer, language)),
                false => formula,
            }));
            let layout = if number { String::new() } else { format!(", in {} layout", answer.layout.name()) };
            lines.push(Line::Words(format!("It lies in ${shape}${layout}.")));
            if !answer.domain.is_empty() {
                let conditions: Vec<String> =
                    answer.domain.iter().map(|text| format!("${}$", expression(text, language, &kind))).collect();
                lines.push(Line::Words(format!("It exists where {}.", conditions.join(", "))));
            }
            if language == Typesetting::Latex && !answer.steps.is_empty() {
                lines.push(Line::Title("Step by step".to_owned()));
                for step in &answer.steps {
                    lines.push(Line::Words(format!("{}:", sentence(&step.rule))));
                    lines.extend(step.equations.iter().map(|equation| Line::Formula(equation.latex.clone())));
                }
            }
        }
        page(&lines, language)
    }

    /// The abstract functions with the dimensions of their arguments and of their values.
    fn functions(&self) -> impl Iterator<Item = (&Name, &[ExprId], &[ExprId])> {
        self.script.statements.iter().filter_map(|statement| match &statement.kind {
            StatementKind::Abstract { name, domain, codomain } => {
                Some((&name.name, domain.as_slice(), codomain.as_slice()))
            }
            _ => None,
        })
    }

    fn kinds(&self) -> BTreeMap<Name, Kind> {
        let mut kinds: BTreeMap<Name, Kind> = BTreeMap::new();
        for (_, answer) in self.answers {
            kinds.extend(answer.derivative.kinds.iter().map(|(name, kind)| (name.clone(), *kind)));
        }
        for (name, _, codomain) in self.functions() {
            kinds.insert(name.clone(), kinds::of_function(codomain));
        }
        for variable in &self.value.variables {
            kinds.insert(variable.name.clone(), kinds::of_shape(&variable.shape));
        }
        for (name, term) in &self.value.definitions {
            kinds.insert(name.clone(), kinds::of_shape(&self.value.term(*term).shape));
        }
        kinds
    }

    /// The definitions of the script, and what the function is called.
    fn function(&self, kind: &dyn Fn(&str) -> Kind) -> (Vec<Markup>, Markup) {
        let ast = &self.script.ast;
        let (mut formulas, mut last) = (Vec::new(), None);
        for statement in &self.script.statements {
            match &statement.kind {
                StatementKind::Definition { name, parameters, body } => {
                    last = Some(name.name.clone());
                    match parameters {
                        Parameters::Function(names) => {
                            let names: Vec<Name> = names.iter().map(|n| n.name.clone()).collect();
                            formulas.extend(Markup::definitions(ast, &[(&name.name, &names, *body)], kind));
                        }
                        Parameters::Index(binders) => {
                            let names: Vec<Name> = binders.iter().map(|b| b.name.clone()).collect();
                            formulas.push(Markup::definition(ast, &name.name, &names, *body, kind));
                        }
                        Parameters::None => {
                            formulas.push(Markup::definition(ast, &name.name, &[], *body, kind));
                        }
                    }
                }
                StatementKind::Expression(body) => {
                    let taken = |name: &&str| {
                        self.value.variables.iter().any(|v| *v.name == **name)
                            || self.value.definitions.iter().any(|(n, _)| **n == **name)
                            || self.functions().any(|(n, ..)| **n == **name)
                    };
                    let shape = kinds::of_shape(&self.value.term(self.value.target).shape);
                    // as in the steps
                    let names = match shape {
                        Kind::Matrix | Kind::Tensor => ["F", "G", "H", "F_0"],
                        _ => ["f", "g", "h", "f_0"],
                    };
                    let free = names.into_iter().find(|name| !taken(name)).unwrap_or("f_00");
                    formulas
                        .push(Markup::equation(Markup::name(free, &|_| shape), Markup::expression(ast, *body, kind)));
                    return (formulas, Markup::name(free, &|_| shape));
                }
                _ => {}
            }
        }
        let name = last.unwrap_or_else(|| "f".into());
        (formulas, Markup::name(&name, kind))
    }
}

/// A text of the language, set; letter by letter where it is none.
fn expression(text: &str, language: Typesetting, kind: &dyn Fn(&str) -> Kind) -> String {
    let parsed = matgrad_syntax::parse(text);
    match parsed.script.statements.as_slice() {
        [one] if parsed.is_ok() => match one.kind {
            StatementKind::Expression(root) => Markup::expression(&parsed.script.ast, root, kind).write(language),
            _ => words(text, language),
        },
        _ => words(text, language),
    }
}

/// Words within mathematics.
fn words(text: &str, language: Typesetting) -> String {
    match language {
        Typesetting::Latex => format!("\\text{{{}}}", sentence(text)),
        _ => format!("\"{}\"", text.replace(['"', '\\'], "'")),
    }
}

/// Words with what LaTeX reads as its own taken care of.
fn sentence(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// ℝ with a shape.
fn space(axes: &[String], language: Typesetting) -> String {
    match (axes, language) {
        ([], Typesetting::Latex) => "\\mathbb{R}".to_owned(),
        ([], _) => "RR".to_owned(),
        (many, Typesetting::Latex) => format!("\\mathbb{{R}}^{{{}}}", many.join(" \\times ")),
        (many, _) => format!("RR^({})", many.join(" times ")),
    }
}

/// ∇f or ∂f/∂x.
fn left(function: &str, by: &str, answer: &Answer, language: Typesetting) -> String {
    let latex = language == Typesetting::Latex;
    let power = match (answer.order, latex) {
        (0 | 1, _) => String::new(),
        (k, true) => format!("^{{{k}}}"),
        (k, false) => format!("^{k}"),
    };
    // of one number by one number
    let layout = if answer.derivative.shape.iter().all(|axis| axis == "1") { Layout::Numerator } else { answer.layout };
    match (layout, latex) {
        (Layout::Gradient | Layout::Denominator, true) => format!("\\nabla{power}_{{{by}}} {function}"),
        (Layout::Gradient | Layout::Denominator, false) => format!("nabla{power}_({by}) {function}"),
        (_, true) => format!("\\frac{{\\partial{power} {function}}}{{\\partial {by}{power}}}"),
        (_, false) => format!("(partial{power} {function}) / (partial {by}{power})"),
    }
}

fn page(lines: &[Line], language: Typesetting) -> String {
    let mut out = String::new();
    if language == Typesetting::Latex {
        out.push_str(
            "\\documentclass{article}\n\\usepackage{amsmath,amssymb}\n\\setlength{\\parindent}{0pt}\n\\begin{document}\n",
        );
    } else {
        out.push_str("#set page(height: auto)\n");
    }
    for line in lines {
        match (line, language) {
            (Line::Title(title), Typesetting::Latex) => out.push_str(&format!("\n\\section*{{{title}}}\n")),
            (Line::Title(title), _) => out.push_str(&format!("\n= {title}\n\n")),
            (Line::Words(words), _) => out.push_str(&format!("{words}\n\n")),
            (Line::Formula(formula), Typesetting::Latex) => out.push_str(&format!("\\[\n  {formula}\n\\]\n")),
            (Line::Formula(formula), _) => out.push_str(&format!("$ {formula} $\n\n")),
            (Line::Table(rows), Typesetting::Latex) if !rows.is_empty() => {
                out.push_str("\\begin{tabular}{ll}\n");
                for (name, shape) in rows {
                    out.push_str(&format!("  ${name}$ & ${shape}$ \\\\\n"));
                }
                out.push_str("\\end{tabular}\n");
            }
            (Line::Table(rows), _) => {
                out.push_str("#table(columns: 2, stroke: none,\n");
                for (name, shape) in rows {
                    out.push_str(&format!("  [${name}$], [${shape}$],\n"));
                }
                out.push_str(")\n");
            }
        }
    }
    if language == Typesetting::Latex {
        out.push_str("\\end{document}\n");
    }
    out
}
