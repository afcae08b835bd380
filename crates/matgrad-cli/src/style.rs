//! Colours, and when to use them.

use std::io::IsTerminal;

/// Remarks.
pub const DIM: &str = "2";
/// What was asked for.
pub const STRONG: &str = "1";
/// Names of rules.
pub const RULE: &str = "36";
/// Good news.
pub const GOOD: &str = "32";
/// Doubtful news.
pub const WARNING: &str = "1;33";
/// Bad news.
pub const ERROR: &str = "1;31";

/// Things of a kind that are told apart.
pub const SERIES: [&str; 3] = ["36", "35", "33"];

/// Whether a stream takes colours: a terminal, unless `NO_COLOR` is set.
pub fn color(stream: &impl IsTerminal) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !unwanted && !dumb
}

/// Whether the terminal says that it can do nothing but print line after line.
pub fn dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// Whether the locale has more letters than ASCII.
pub fn speaks_unicode() -> bool {
    let set =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    set.is_some_and(|locale| locale.to_lowercase().replace('-', "").contains("utf8"))
}

/// How wide text is on standard output: as the terminal, within reason.
pub fn width() -> usize {
    let size = if std::io::stdout().is_terminal() { console::Term::stdout().size_checked() } else { None };
    size.map_or(WIDTH, |(_, columns)| usize::from(columns).clamp(40, 160))
}

/// The same where there is no terminal.
const WIDTH: usize = 100;

/// A text in a style.
pub fn paint(color: bool, style: &str, text: &str) -> String {
    if color && !text.is_empty() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}
