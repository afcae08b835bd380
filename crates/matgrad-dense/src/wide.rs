//! Plain loops, compiled for the widest registers that the processor has.

use pulp::{Arch, NullaryFnOnce};

/// A loop, called where the compiler may use those registers.
struct Work<F>(F);

impl<R, F: FnMut() -> R> NullaryFnOnce for Work<F> {
    type Output = R;

    // a closure that is called through `FnOnce` would be a function of its own, compiled for the baseline
    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}

/// Carries out `work`, which has to be `#[inline(always)]`.
#[inline]
pub(crate) fn wide<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Work(work))
}
