//! A limit on bytes a second, shared by all that one store moves.

use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often a second bytes are allowed.
const TICKS: u64 = 20;

pub(super) struct Throttle {
    bytes_a_tick: u64,
    left: Mutex<(Interval, u64)>,
}

impl Throttle {
    /// At most so many bytes a second. Needs the runtime around it.
    pub(super) fn new(bytes_a_second: u64) -> Self {
        let mut ticks = interval(Duration::from_millis(1000 / TICKS));
        // What was not used is not made up for.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { bytes_a_tick: (bytes_a_second / TICKS).max(1), left: Mutex::new((ticks, 0)) }
    }

    /// Waits until so many bytes may pass.
    pub(super) async fn take(&self, mut bytes: u64) {
        let mut guard = self.left.lock().await;
        let (ticks, left) = &mut *guard;
        while bytes > 0 {
            if *left == 0 {
                ticks.tick().await;
                *left = self.bytes_a_tick;
            }
            let now = bytes.min(*left);
            *left = left.saturating_sub(now);
            bytes = bytes.saturating_sub(now);
        }
    }
}
