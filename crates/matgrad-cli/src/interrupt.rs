//! Ctrl-C: a command ends and leaves no file half written; a conversation gives up the question at hand and goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::progress;

/// Exit status of what was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// Whether the program goes on.
static STAYS: AtomicBool = AtomicBool::new(false);
/// The work at hand, where the program goes on.
static WORK: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// Listens. Where somebody has decided that Ctrl-C is not for this program (in the background of a script), it is not.
pub fn listen() {
    let _ = ctrlc::try_set_handler(|| {
        if STAYS.load(Ordering::Relaxed) {
            if let Some(work) = WORK.lock().unwrap_or_else(PoisonError::into_inner).take() {
                work.store(true, Ordering::Relaxed);
            }
            return;
        }
        matgrad::data::give_up_files();
        progress::give_up();
        std::process::exit(INTERRUPTED);
    });
}

/// From now on only the work at hand ends.
pub fn stay() {
    STAYS.store(true, Ordering::Relaxed);
}

/// Whether only the work at hand ends.
pub fn stays() -> bool {
    STAYS.load(Ordering::Relaxed)
}

/// New work: the flag is set when it is to end.
pub fn work() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&flag));
    flag
}
