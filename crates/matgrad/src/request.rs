//! What is asked for.

use std::time::Instant;

use matgrad_calculus::layout::Layout;
use matgrad_syntax::patience;

use crate::{Failure, Language, Style, Text};

/// What the derivative by a variable with structure (a symmetric one, say) means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// Every entry moves by itself.
    #[default]
    Free,
    /// Entries move as the structure ties them together: `X[i,j]` with `X[j,i]` of a symmetric X.
    Constrained,
}

impl Convention {
    /// The word on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Convention::Free => "free",
            Convention::Constrained => "constrained",
        }
    }

    /// The convention of this name.
    pub fn parse(name: &str) -> Option<Convention> {
        [Convention::Free, Convention::Constrained].into_iter().find(|convention| convention.name() == name)
    }
}

/// What a request may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many tensors the graph may hold.
    pub nodes: usize,
    /// When to give up. All stages look at it; in a program whose panics abort, it is looked at between the stages only.
    pub deadline: Option<Instant>,
}

impl Limits {
    /// Carries out work on a text, until the deadline.
    pub(crate) fn hold<T>(&self, text: &Text, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let Some(deadline) = self.deadline else { return work() };
        patience::within(deadline, work).unwrap_or_else(|| {
            let (source, _) = text.read()?;
            Err(Failure::whole(source, "limit", OVER))
        })
    }
}

/// What is said when the deadline has passed.
pub(crate) const OVER: &str = "the time for this request is over";

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 4_000_000, deadline: None }
    }
}

/// A derivative to be found.
///
/// ```
/// use matgrad::{Layout, Request, Text};
/// let request = Request::new(Text::expression("A*x"), "x").layout(Layout::Denominator);
/// assert_eq!(matgrad::derive(&request)?.text(), "A'");
/// # Ok::<(), matgrad::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    /// Declarations and the function.
    pub text: Text,
    /// The variable.
    pub wrt: String,
    /// 1, 2 or 3.
    pub order: usize,
    /// How the partial derivatives are arranged.
    pub layout: Layout,
    /// What structure of the variable means.
    pub convention: Convention,
    /// The definition that is differentiated; by default the last.
    pub of: Option<String>,
    /// Whether the answer is checked against an independent derivative.
    pub verify: bool,
    /// Whether definitions of the script are put in where the answer could have their names.
    pub expand: bool,
    /// The derivation that comes with the answer.
    pub steps: Option<Style>,
    /// The language of its words.
    pub language: Language,
    /// What it may use up.
    pub limits: Limits,
}

impl Request {
    /// The first derivative in numerator layout.
    pub fn new(text: Text, wrt: impl Into<String>) -> Self {
        Self {
            text,
            wrt: wrt.into(),
            order: 1,
            layout: Layout::Numerator,
            convention: Convention::Free,
            of: None,
            verify: true,
            expand: false,
            steps: None,
            language: Language::English,
            limits: Limits::default(),
        }
    }

    /// Sets the order.
    #[must_use]
    pub fn order(mut self, order: usize) -> Self {
        self.order = order;
        self
    }

    /// Sets the layout.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Sets the convention for variables with structure.
    #[must_use]
    pub fn convention(mut self, convention: Convention) -> Self {
        self.convention = convention;
        self
    }

    /// Names the definition to differentiate.
    #[must_use]
    pub fn of(mut self, name: impl Into<String>) -> Self {
        self.of = Some(name.into());
        self
    }

    /// Leaves out the check. What comes back is then unproved.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.verify = false;
        self
    }

    /// Puts definitions of the script in where the answer could have their names.
    #[must_use]
    pub fn expanded(mut self) -> Self {
        self.expand = true;
        self
    }

    /// Asks for the derivation too.
    #[must_use]
    pub fn steps(mut self, style: Style, language: Language) -> Self {
        (self.steps, self.language) = (Some(style), language);
        self
    }

    /// Sets what it may use up.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
