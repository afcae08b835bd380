//! Layouts: what is said about them is true of the numbers.

use matgrad::{Claim, Language, Layout, Request, Style, Text, check, derive, layouts};

fn request(function: &str, declarations: &[&str], wrt: &str) -> Request {
    let text = declarations.iter().fold(Text::expression(function), |text, line| text.declare(*line));
    Request::new(text, wrt)
}

fn cases() -> Vec<Request> {
    vec![
        request("a'*X*b", &["X in R^(m x n)"], "X"),
        request("norm(X - Y)^2", &["X, Y in R^(m x n)"], "X"),
        request("norm(x)^2", &["x in R^n"], "x"),
        request("r*A*r'", &["r in R^(1 x n)", "A in R^(n x n)"], "r"),
        request("A*x", &["A in R^(m x n)", "x in R^n"], "x"),
        request("(A*x)'", &["A in R^(m x n)", "x in R^n"], "x"),
        request("A*X*B", &["A in R^(m x n)", "X in R^(n x p)", "B in R^(p x q)"], "X"),
        request("x*t^2", &["x in R^n", "t in R"], "t"),
        request("x'*t", &["x in R^n", "t in R"], "t"),
        request("X*t^2", &["X in R^(m x n)", "t in R"], "t"),
        request("c^3", &["c in R"], "c"),
        request("X*b", &["X in R^(m x n)", "b in R^n"], "X"),
        request("x*x'", &["x in R^n"], "x"),
    ]
}

#[test]
fn every_layout_is_checked_and_comes_from_the_others() {
    let mut followed = 0;
    for request in cases() {
        let all = layouts(&request).unwrap();
        assert!(all.entries.len() >= 6, "{}", all.expression);
        for entry in &all.entries {
            let verdict = entry.answer.verified.as_ref().unwrap();
            assert!(verdict.is_right(), "{} {}", all.expression, entry.layout.name());
            let Some(from) = &entry.from else { continue };
            let source = all.entries.iter().find(|other| from.contains(other.layout.name())).unwrap();
            let text = source.answer.text();
            if text.contains(" = ") {
                continue; // an index definition has no transpose
            }
            let text = format!("{} = {text}; {from}", source.layout.name());
            let finding = check(&request.clone().layout(entry.layout), &Claim { text, any_layout: false }).unwrap();
            assert!(finding.right, "{} {}: {from}: {}", all.expression, entry.layout.name(), finding.sentence);
            followed += 1;
        }
    }
    assert!(followed > 60, "{followed}");
}

#[test]
fn what_stands_beside_the_steps_agrees() {
    for request in cases() {
        let all = layouts(&request).unwrap();
        let answer = derive(&request.steps(Style::Chain, Language::English)).unwrap();
        let told: Vec<_> = answer.layouts.iter().map(|l| (l.layout, l.shape.clone(), l.from.clone())).collect();
        let shown: Vec<_> =
            all.entries.iter().map(|l| (l.layout, l.answer.derivative.shape.clone(), l.from.clone())).collect();
        assert_eq!(told, shown, "{}", all.expression);
    }
}

/// The functions whose derivative of entry (i,j) by entry (k,l) is the number ijkl, so that the picture is the derivative.
#[test]
fn pictures_show_where_the_entries_are() {
    let code = |function: &[usize], variable: &[usize]| -> String {
        let at = |list: &[usize], k: usize| list.get(k).copied().unwrap_or(0).to_string();
        format!("{}{}{}{}", at(function, 0), at(function, 1), at(variable, 0), at(variable, 1))
    };
    let cases = [
        ("X in R^(2 x 3)", "F[i:2,j:2] = sum[k,l]((1000*i + 100*j + 10*k + l)*X[k,l])", "X"),
        ("X in R^(2 x 3)", "F = sum[k,l]((10*k + l)*X[k,l])", "X"),
        ("x in R^3", "F[i:2] = sum[k]((1000*i + 10*k)*x[k])", "x"),
        ("x in R^3", "F = sum[k]((10*k)*x[k])", "x"),
        ("t in R", "F[i:2,j:2] = (1000*i + 100*j)*t", "t"),
        ("x in R^3", "F[i:2,j:2] = sum[k]((1000*i + 100*j + 10*k)*x[k])", "x"),
    ];
    let mut compared = 0;
    for (declaration, definition, wrt) in cases {
        let request = Request::new(Text::script("layouts.mg", format!("{declaration}\n{definition}")), wrt);
        let all = layouts(&request).unwrap();
        for entry in &all.entries {
            let Some(picture) = &entry.picture else { continue };
            if picture.block.is_some() {
                continue; // three axes or more
            }
            let rows: Vec<String> = picture
                .rows
                .iter()
                .map(|row| row.iter().map(|c| code(&c.function, &c.variable)).collect::<Vec<_>>().join(", "))
                .collect();
            // one row needs brackets of its own kind
            let text = if let [row] = rows.as_slice() { format!("[{row}]'") } else { format!("[{}]", rows.join("; ")) };
            let text = if entry.layout == Layout::Tensor && rows.len() == 1 { text.replace('\'', "") } else { text };
            let finding = check(&request.clone().layout(entry.layout), &Claim { text, any_layout: false }).unwrap();
            assert!(finding.right, "{definition} {}: {}", entry.layout.name(), finding.sentence);
            compared += 1;
        }
    }
    assert!(compared >= 30, "{compared}");
}

#[test]
fn what_has_no_layouts_is_refused() {
    let failure = layouts(&request("x'*x", &["x in R^n"], "x").order(2)).unwrap_err();
    assert_eq!(failure.diagnostics[0].code, "order");
    assert!(layouts(&request("x'*x", &["x in R^n"], "y")).is_err());
}
