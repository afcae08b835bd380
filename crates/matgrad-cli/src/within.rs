//! Work with a hard end: what takes longer than its deadline is given up, whatever stage it is in.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use matgrad::patience;

use crate::progress::Waiting;
use crate::{Trouble, interrupt};

/// Stack of the worker; no stage needs much, as recursion never grows with the input.
const STACK: usize = 16 << 20;

/// How often a conversation looks whether it is interrupted.
const GLANCE: Duration = Duration::from_millis(50);

/// Runs `work` on a thread of its own and waits for it no longer than `seconds`; on a terminal with a sign of life.
///
/// The thread is left to itself once the deadline has passed: it looks at the deadline too, and ends.
pub fn deadline<T: Send + 'static>(
    seconds: f64,
    work: impl FnOnce(Option<Instant>) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    wait(seconds, Waiting::pause(), work)
}

/// The same where something else shows how far the work has come, or where a measurement is not to be disturbed.
pub fn quietly<T: Send + 'static>(
    seconds: f64,
    work: impl FnOnce(Option<Instant>) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    wait(seconds, None, work)
}

fn wait<T: Send + 'static>(
    seconds: f64,
    pause: Option<Duration>,
    work: impl FnOnce(Option<Instant>) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let limit = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Trouble::plain(format!("the deadline is a number of seconds, not {seconds}")))?;
    let (start, mut waiting) = (Instant::now(), Waiting::new(limit));
    let end = start.checked_add(limit);
    let (send, receive) = mpsc::channel();
    let interrupted = interrupt::work();
    let flag = Arc::clone(&interrupted);
    let pause = if interrupt::stays() { Some(pause.map_or(GLANCE, |pause| pause.min(GLANCE))) } else { pause };
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let limited = || match end {
            Some(end) => patience::within(end, || work(Some(end))),
            None => Some(work(None)),
        };
        let outcome = patience::unless(flag, limited).flatten();
        // nobody listens any more once the deadline has passed
        let _ = outcome.map(|outcome| send.send(outcome));
    });
    if let Err(error) = worker {
        return Err(Trouble::plain(format!("no thread could be started: {error}")));
    }
    loop {
        let left = limit.saturating_sub(start.elapsed());
        if interrupted.load(Ordering::Relaxed) {
            return Err(Trouble::plain("interrupted"));
        }
        match receive.recv_timeout(pause.map_or(left, |pause| pause.min(left))) {
            Ok(outcome) => return outcome,
            Err(mpsc::RecvTimeoutError::Timeout) if start.elapsed() < limit => waiting.tick(),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let said = format!("no answer within {seconds} seconds, the deadline (--deadline sets another)");
                return Err(Trouble::plain(said));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(Trouble::plain("the computation failed; this is a defect of matgrad"));
            }
        }
    }
}
