//! When to give up. The long loops of every stage look at it, wherever they are, and a computation that has taken too
//! long is unwound to where it was begun: nothing on the way has to know.
//!
//! In a program whose panics abort there is no unwinding: there, deadlines are looked at between the stages only.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// So many looks go by between two readings of the clock.
const PAUSE: u32 = 128;

thread_local! {
    /// How many more looks go by until the clock is read.
    static LOOKS: Cell<u32> = const { Cell::new(u32::MAX) };
    static ENDS: RefCell<Ends> = const { RefCell::new(Ends { deadline: None, given_up: None }) };
}

/// What ends a computation of this thread.
#[derive(Clone, Debug, Default)]
struct Ends {
    deadline: Option<Instant>,
    given_up: Option<Arc<AtomicBool>>,
}

impl Ends {
    /// How many looks go by until it is looked at again.
    fn pause(&self) -> u32 {
        if self.deadline.is_none() && self.given_up.is_none() { u32::MAX } else { PAUSE }
    }

    fn reached(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() > deadline)
            || self.given_up.as_ref().is_some_and(|given_up| given_up.load(Ordering::Relaxed))
    }
}

/// What unwinds a computation that is given up.
struct Over;

/// Gives the computation up if its time is over. A loop that may be long calls this once a round; it is a subtraction
/// almost always.
#[inline]
pub fn look() {
    look_after(1);
}

/// The same after work that is worth so many rounds.
#[inline]
pub fn look_after(rounds: u32) {
    LOOKS.with(|looks| match looks.get().checked_sub(rounds) {
        Some(left) => looks.set(left),
        None => read_clock(looks),
    });
}

#[cold]
#[inline(never)]
fn read_clock(looks: &Cell<u32>) {
    let over = ENDS.with_borrow(|ends| {
        looks.set(ends.pause());
        ends.reached()
    });
    if cfg!(panic = "unwind") && over && !std::thread::panicking() {
        // no panic: nothing is printed, no hook is called
        std::panic::resume_unwind(Box::new(Over));
    }
}

/// Carries out work that [`look`] may end once the deadline has passed; `None` if it did.
///
/// ```
/// use matgrad_syntax::patience;
/// use std::time::{Duration, Instant};
/// let soon = Instant::now() + Duration::from_millis(20);
/// let for_ever = || -> u8 { loop { patience::look() } };
/// assert_eq!(patience::within(soon, for_ever), None);
/// assert_eq!(patience::within(soon + Duration::from_secs(60), || 7), Some(7));
/// ```
pub fn within<T>(deadline: Instant, work: impl FnOnce() -> T) -> Option<T> {
    carry_out(|ends| ends.deadline = Some(ends.deadline.map_or(deadline, |other| other.min(deadline))), work)
}

/// Carries out work that [`look`] may end once somebody has set the flag; `None` if it did.
pub fn unless<T>(given_up: Arc<AtomicBool>, work: impl FnOnce() -> T) -> Option<T> {
    carry_out(|ends| ends.given_up = Some(given_up), work)
}

fn carry_out<T>(set: impl FnOnce(&mut Ends), work: impl FnOnce() -> T) -> Option<T> {
    let before = ENDS.with_borrow(Clone::clone);
    ENDS.with_borrow_mut(set);
    // the first look reads the clock
    LOOKS.set(0);
    // what the work has half done is dropped with it
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    LOOKS.set(before.pause());
    ENDS.set(before);
    match outcome {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Over>() => None,
        Err(defect) => std::panic::resume_unwind(defect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_inner_deadline_leaves_the_outer_one() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let spin = || (0..1000).for_each(|_| look());
        let outcome = within(now + hour, || {
            assert_eq!(within(now, spin), None);
            spin();
            1
        });
        assert_eq!(outcome, Some(1));
        // an inner deadline does not put the outer one off
        assert_eq!(within(now, || within(now + hour, spin)), Some(None));
        // and nothing is left of them
        spin();
        assert_eq!(LOOKS.get(), u32::MAX - 1000);
    }

    #[test]
    fn who_has_gone_away_is_not_waited_for() {
        let flag = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&flag);
        let work = || {
            look_after(1000);
            other.store(true, Ordering::Relaxed);
            look_after(1000);
        };
        assert_eq!(unless(flag, work), None);
    }

    #[test]
    fn a_defect_is_not_hidden() {
        let later = Instant::now() + Duration::from_secs(60);
        let defect = std::panic::catch_unwind(|| within(later, || std::panic::resume_unwind(Box::new("defect"))));
        assert!(defect.is_err());
    }
}
