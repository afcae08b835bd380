//! Work with a hard end: what takes longer than its deadline is given up, whatever stage it is in.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::Trouble;

/// Stack of the worker; no stage needs much, as recursion never grows with the input.
const STACK: usize = 16 << 20;

/// Runs `work` on a thread of its own and waits for it no longer than `seconds`.
///
/// The process ends soon after a deadline has passed, so the thread is left to itself.
pub fn deadline<T: Send + 'static>(
    seconds: f64,
    work: impl FnOnce(Option<Instant>) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let limit = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Trouble::plain(format!("the deadline is a number of seconds, not {seconds}")))?;
    let end = Instant::now().checked_add(limit);
    let (send, receive) = mpsc::channel();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        // nobody listens any more once the deadline has passed
        let _ = send.send(work(end));
    });
    if let Err(error) = worker {
        return Err(Trouble::plain(format!("no thread could be started: {error}")));
    }
    match receive.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            Err(Trouble::plain(format!("no answer within {seconds} seconds, the deadline (--deadline sets another)")))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(Trouble::plain("the computation failed; this is a defect of matgrad"))
        }
    }
}
