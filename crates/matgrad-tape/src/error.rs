//! What can be wrong with a request.

use std::fmt;

/// Why there is no derivative: arguments whose lengths do not fit, most of the time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// A name for programs; it stays the same from version to version.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub message: String,
}

impl Error {
    /// An error with its name and what a person reads.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// An argument that has another length than it should.
    pub(crate) fn length(what: &str, found: usize, of: &str, expected: usize) -> Self {
        let entries = |n: usize| if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") };
        Self::new("length-mismatch", format!("{what} has {}, {of} {expected}", entries(found)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// Fails where an argument has another length than it should.
pub(crate) fn same_length(what: &str, found: usize, of: &str, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::length(what, found, of, expected)) }
}
