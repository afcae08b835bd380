//! The layouts as a drawing: each a grid of partial derivatives, coloured by the column of the variable that they belong to.

use std::fmt::Write;

use super::{Cell, LayoutEntry, Layouts, Picture};
use crate::respell;
use matgrad_render::TextOptions;

/// Colours of columns, light enough for dark letters.
const COLUMNS: [&str; 3] = ["a", "b", "c"];
const STYLE: &str = "text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#24292f}\
.t{font-weight:700}.s{fill:#57606a;font-size:11px}.l{font-size:10.5px;text-anchor:middle}.l,.x{fill:#1b1f24}\
.bg{fill:#fff;stroke:#d0d7de}.a{fill:#bfe3ff}.b{fill:#ffdcb0}.c{fill:#cdeac4}.n{fill:#e7eaee}\
.cell{stroke:#fff;stroke-width:2}.block{fill:none;stroke:#57606a;stroke-width:1.5}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9aa5b1}.l{fill:#f0f3f6}.bg{fill:#0d1117;stroke:#30363d}\
.a{fill:#1d4e7a}.b{fill:#7a4a12}.c{fill:#2c5e2a}.n{fill:#30363d}.cell{stroke:#0d1117}.block{stroke:#9aa5b1}}";

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 18.0;
const CELL: f64 = 24.0;
const LETTER: f64 = 7.0;

struct Panel {
    width: f64,
    height: f64,
    body: String,
}

impl Layouts {
    /// The layouts that can be drawn, one grid each, as SVG. The drawing has its own background and is light or dark as the
    /// reader's system is.
    ///
    /// ```
    /// use matgrad::{Request, Text, layouts};
    /// let svg = layouts(&Request::new(Text::expression("a'*X*b"), "X"))?.svg();
    /// assert!(svg.starts_with("<svg") && svg.contains("∂f/∂x₁₂"));
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    pub fn svg(&self) -> String {
        let drawn: Vec<Panel> = self.entries.iter().filter_map(|entry| panel(entry, &self.wrt)).collect();
        let (mut x, mut y, mut row) = (MARGIN, MARGIN + 34.0, 0.0f64);
        let mut body = String::new();
        for Panel { width, height, body: panel } in drawn {
            if x > MARGIN && x + width > WIDTH - MARGIN {
                (x, y, row) = (MARGIN, y + row + 26.0, 0.0);
            }
            let _ = writeln!(body, "<g transform=\"translate({x:.0} {y:.0})\">{panel}</g>");
            x += width + 30.0;
            row = row.max(height);
        }
        let height = y + row + MARGIN;
        let title = format!("{} by {}", spelled(&self.expression), spelled(&self.wrt));
        let sizes = self.entries.iter().find_map(|entry| entry.picture.as_ref()).map(|picture| {
            let size = |shape: &[usize]| match shape {
                [1, 1] => "a scalar".to_owned(),
                _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × "),
            };
            format!("drawn for f: {}, {}: {}", size(&picture.function_shape), self.wrt, size(&picture.variable_shape))
        });
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-label=\"{0}\">\n\
             <style>{STYLE}</style>\n<rect class=\"bg\" x=\".5\" y=\".5\" width=\"{1:.0}\" height=\"{2:.0}\" rx=\"8\"/>\n",
            escaped(&format!("the layouts of the derivative of {title}")),
            WIDTH - 1.0,
            height - 1.0,
        );
        let _ = writeln!(out, "<text class=\"t\" x=\"{MARGIN}\" y=\"30\">f = {}</text>", escaped(&title));
        if let Some(sizes) = sizes {
            let x = MARGIN + (title.chars().count() + 8) as f64 * LETTER;
            let _ = writeln!(out, "<text class=\"s\" x=\"{x:.0}\" y=\"30\">{}</text>", escaped(&sizes));
        }
        out + &body + "</svg>\n"
    }
}

fn spelled(text: &str) -> String {
    respell(text, TextOptions::UNICODE)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A layout with its name, formula, shape and grid.
fn panel(entry: &LayoutEntry, wrt: &str) -> Option<Panel> {
    let picture = entry.picture.as_ref()?;
    let derivative = &entry.answer.derivative;
    let formula = derivative.text(TextOptions::UNICODE);
    let shape = derivative.shape.join(" × ");
    let name = entry.layout.name();
    // long formulas are named elsewhere
    let title = if formula.chars().count() <= 34 { formula } else { String::new() };
    let label = |cell: &Cell| label(cell, wrt);
    let longest = picture.rows.iter().flatten().map(|cell| label(cell).chars().count()).max().unwrap_or(0);
    let cell = longest as f64 * 6.4 + 10.0;
    let mut body = format!("<text class=\"t\" y=\"10\">{name}</text>");
    let after = name.chars().count() as f64 * LETTER + 10.0;
    let _ = write!(body, "<text class=\"s\" x=\"{after:.0}\" y=\"10\">{}</text>", escaped(&shape));
    let _ = write!(body, "<text y=\"27\">{}</text>", escaped(&title));
    let top = if title.is_empty() { 20.0 } else { 36.0 };
    for (i, row) in picture.rows.iter().enumerate() {
        for (j, at) in row.iter().enumerate() {
            let (x, y) = (j as f64 * cell, top + i as f64 * CELL);
            let _ = write!(
                body,
                "<rect class=\"cell {}\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{cell:.1}\" height=\"{CELL:.0}\" rx=\"4\"/>\
                 <text class=\"l\" x=\"{:.1}\" y=\"{:.0}\">{}</text>",
                colour(at),
                x + cell / 2.0,
                y + 16.0,
                escaped(&label(at)),
            );
        }
    }
    blocks(picture, cell, top, &mut body);
    let columns = picture.rows.first().map_or(0, Vec::len) as f64;
    let words = (name.chars().count() + shape.chars().count() + 2).max(title.chars().count()) as f64 * LETTER;
    Some(Panel { width: (columns * cell).max(words), height: top + picture.rows.len() as f64 * CELL, body })
}

/// Frames around what belongs together.
fn blocks(picture: &Picture, cell: f64, top: f64, body: &mut String) {
    let Some((rows, columns)) = picture.block.filter(|(rows, columns)| *rows > 0 && *columns > 0) else { return };
    let all = picture.rows.first().map_or(0, Vec::len);
    for i in 0..picture.rows.len() / rows {
        for j in 0..all / columns {
            let (w, h) = (columns as f64 * cell, rows as f64 * CELL);
            let (x, y) = (j as f64 * w, top + i as f64 * h);
            let _ = write!(
                body,
                "<rect class=\"block\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{w:.1}\" height=\"{h:.0}\" rx=\"4\"/>"
            );
        }
    }
}

fn colour(cell: &Cell) -> &'static str {
    match cell.variable.last() {
        Some(column) => COLUMNS.iter().cycle().nth((column.saturating_sub(1)) % COLUMNS.len()).copied().unwrap_or("n"),
        None => "n",
    }
}

/// `∂f₁/∂x₂`
fn label(cell: &Cell, wrt: &str) -> String {
    let digits = |at: &[usize]| -> String {
        let digits = at.iter().map(usize::to_string).collect::<String>();
        digits.chars().filter_map(|digit| char::from_u32(0x2080 + digit.to_digit(10)?)).collect()
    };
    // an entry of a matrix is called by the small letter
    let name = if cell.variable.is_empty() { wrt.to_owned() } else { wrt.to_lowercase() };
    format!("∂f{}/∂{}{}", digits(&cell.function), spelled(&name), digits(&cell.variable))
}
