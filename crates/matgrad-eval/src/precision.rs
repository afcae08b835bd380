//! The precision of a computation.

/// What numbers a program runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 64 bits, some 16 digits.
    #[default]
    Double,
    /// 32 bits, some 7 digits, in half the memory.
    Single,
}

impl Precision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Double, Self::Single];

    /// Its name on the command line: `f64` or `f32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Double => "f64",
            Self::Single => "f32",
        }
    }

    /// The precision of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.name() == name)
    }

    /// Rounds numbers to those of this precision.
    pub(crate) fn round(self, numbers: &mut [f64]) {
        if self == Self::Single {
            numbers.iter_mut().for_each(|x| *x = f64::from(*x as f32));
        }
    }
}
