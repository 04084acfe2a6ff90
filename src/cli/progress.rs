//! The bar on stderr.

use super::ui::{Level, Voice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rediscover::base::Progress;
use std::sync::{Mutex, PoisonError};

/// What is said while sources are read.
pub(crate) struct Watch {
    voice: Voice,
    bar: Option<Bar>,
}

impl Watch {
    pub(crate) fn new(voice: Voice, bar: Option<Bar>) -> Self {
        Self { voice, bar }
    }
}

impl Progress for Watch {
    fn begin(&self, source: &str, total_bytes: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.begin(source, total_bytes);
        }
    }

    fn read(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.read(bytes);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.end();
        }
    }

    fn tell(&self, source: &str, grave: bool, text: &str) {
        let level = if grave { Level::Warning } else { Level::Note };
        self.voice.say(level, &format!("{source}: {text}"), None);
    }
}

/// Bytes read of each source, on a terminal's stderr; gone when the source is done.
pub(crate) struct Bar {
    current: Mutex<ProgressBar>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Self { current: Mutex::new(ProgressBar::hidden()) }
    }

    fn with(&self, act: impl FnOnce(&mut ProgressBar)) {
        act(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Bar {
    fn begin(&self, source: &str, total_bytes: Option<u64>) {
        let template = match total_bytes {
            Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{msg} {spinner} {bytes} {bytes_per_sec}",
        };
        let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr_with_hz(8));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(rediscover::report::printable(source).into_owned());
        self.with(|current| *current = bar);
    }

    fn read(&self, bytes: u64) {
        self.with(|current| current.set_position(bytes));
    }

    fn end(&self) {
        self.with(|current| current.finish_and_clear());
    }
}
