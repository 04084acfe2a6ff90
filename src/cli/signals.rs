//! SIGINT and SIGTERM: the run stops at its next batch; whoever waits for bytes that do not come is ended soon after.

use super::exit::Code;
use rediscover::base::{Cancel, Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a run may take to stop by itself. A read from a silent pipe never would.
const GRACE: Duration = Duration::from_secs(1);

/// The first signal that came, if one did.
#[derive(Clone, Default)]
pub(crate) struct Caught(Arc<AtomicI32>);

impl Caught {
    pub(crate) fn code(&self) -> Option<Code> {
        code_of(self.0.load(Ordering::Relaxed))
    }
}

fn code_of(signal: i32) -> Option<Code> {
    match signal {
        SIGINT => Some(Code::Interrupted),
        SIGTERM => Some(Code::Terminated),
        _ => None,
    }
}

/// What is being written beside its place, and is to go if the process ends before it is whole. Held while a file is
/// renamed: the process does not end in between.
pub(crate) type Writing = Arc<Mutex<Option<PathBuf>>>;

/// Watches from a thread of its own.
pub(crate) fn watch(cancel: Cancel, caught: Caught, writing: Writing) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| Error::io("watch for signals", error))?;
    let watch = move || {
        let Some(first) = signals.forever().next() else { return };
        caught.0.store(first, Ordering::Relaxed);
        cancel.cancel();
        let deadline = Instant::now() + GRACE;
        // A second signal means now.
        while Instant::now() < deadline && signals.pending().next().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut half = writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(half) = half.take() {
            let _ = std::fs::remove_file(half);
        }
        super::ui::interrupted();
        end(code_of(first).unwrap_or(Code::Interrupted));
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(watch)
        .map(drop)
        .map_err(|error| Error::io("watch for signals", error))
}

#[allow(clippy::exit, reason = "the main thread waits in a read that may never return")]
fn end(code: Code) {
    std::process::exit(i32::from(code.number()));
}
