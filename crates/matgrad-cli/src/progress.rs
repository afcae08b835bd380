//! How far long work has come: a line on a terminal, nothing anywhere else.

use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::style;

/// Work that is done sooner shows nothing.
const SOON: Duration = Duration::from_millis(400);

/// Whether a line stands on the terminal that is drawn again and again.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// Takes that line away, as the program is about to end.
pub fn give_up() {
    if DRAWN.load(Ordering::Relaxed) {
        eprint!("\r\x1b[2K");
    }
}

/// Whether a line that changes may stand on standard error.
fn visible() -> bool {
    std::io::stderr().is_terminal() && !style::dumb()
}

/// A bar for work in parts: how many are done, how many in a second, how long the rest takes.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: Cell<bool>,
}

impl Progress {
    /// A bar for so many parts. Nothing stands on the terminal before the work has taken a while.
    pub fn new(parts: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(parts as u64), ProgressDrawTarget::hidden());
        let (filled, remark) = match style::color(&std::io::stderr()) {
            true => (".cyan/dim", ".dim"),
            false => ("", ""),
        };
        let template = format!(
            "{{bar:24{filled}}} {{pos}}/{{len}}  {{rate}}  {{eta}} left  {{wide_msg{}}}",
            if remark.is_empty() { String::new() } else { format!(":{remark}") }
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let rate = state.per_sec();
                let digits = if rate < 10.0 { 1 } else { 0 };
                let _ = write!(out, "{rate:.digits$}/s");
            };
            bar.set_style(style.progress_chars("━╸─").with_key("rate", rate));
        }
        Self { bar, start: Instant::now(), shown: Cell::new(false) }
    }

    /// A part is begun.
    pub fn begin(&self, what: &str) {
        self.show();
        self.bar.set_message(what.to_owned());
    }

    /// A part is done.
    pub fn done(&self) {
        self.show();
        self.bar.inc(1);
    }

    fn show(&self) {
        if !self.shown.get() && visible() && self.start.elapsed() > SOON {
            self.shown.set(true);
            DRAWN.store(true, Ordering::Relaxed);
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Something is printed while the bar stands aside.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        DRAWN.store(false, Ordering::Relaxed);
    }
}

/// A sign of life for work of which nobody knows how long it takes, only when it is given up.
pub struct Waiting {
    bar: Option<ProgressBar>,
    start: Instant,
    limit: Duration,
}

impl Waiting {
    /// Nothing stands on the terminal before a second has passed.
    pub fn new(limit: Duration) -> Self {
        Self { bar: None, start: Instant::now(), limit }
    }

    /// How long to sleep until the line wants to be drawn again; `None` where there is none.
    pub fn pause() -> Option<Duration> {
        visible().then(|| Duration::from_millis(120))
    }

    /// Draws the line.
    pub fn tick(&mut self) {
        let passed = self.start.elapsed();
        if passed < Duration::from_secs(1) {
            return;
        }
        let limit = self.limit;
        DRAWN.store(true, Ordering::Relaxed);
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let template =
                if style::color(&std::io::stderr()) { "{spinner:.cyan} {msg:.dim}" } else { "{spinner} {msg}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let given_up = if limit < Duration::from_secs(86_400) {
            format!(", given up after {} s (--deadline)", limit.as_secs())
        } else {
            String::new()
        };
        bar.set_message(format!("{} s{given_up}", passed.as_secs()));
        bar.tick();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            DRAWN.store(false, Ordering::Relaxed);
        }
    }
}
