//! The metrics file for a node exporter. What was achieved is read from the manifests: a failure moves no stamp of success, and a
//! file that was lost comes back. What was tried is in the file alone.

use crate::cli::config::Config;
use crate::cli::repositories;
use crate::cli::ui::{Level, Ui, now};
use rediscover::base::{Result, UnixMs};
use rediscover::report::InstanceRun;
use rediscover::repository::{BackupStatus, Level as Deep, Trusted};
use std::collections::BTreeMap;

const PREFIX: &str = "rediscover_backup_";

/// Each metric: its name, and what it is.
const METRICS: [(&str, &str); 7] = [
    ("last_success_timestamp_seconds", "When the newest good backup was taken."),
    ("last_attempt_timestamp_seconds", "When the last run began."),
    ("last_exit_code", "How the last run ended for this instance: 0 is well."),
    ("newest_verified_timestamp_seconds", "When a backup was last read again and found whole."),
    ("keys", "Keys in the newest good backup."),
    ("stored_bytes", "Stored bytes of the newest good backup."),
    ("duration_seconds", "How long the last run that made a good backup took."),
];

/// Values by metric and instance.
type Values = BTreeMap<(String, String), f64>;

/// What is known before anything is written.
pub(super) struct Metrics {
    /// What this run tried.
    pub(super) attempts: BTreeMap<String, Attempt>,
    before: Values,
}

/// One instance of this run.
pub(super) struct Attempt {
    at: UnixMs,
    exit_code: u8,
    /// Of one that made a good backup.
    duration_ms: Option<u64>,
}

impl Attempt {
    pub(super) fn of(report: &InstanceRun, started: UnixMs) -> Self {
        let good = report.backup.as_ref().is_some_and(|created| created.backup.status == "good");
        Self { at: started, exit_code: report.code, duration_ms: good.then_some(report.duration_ms) }
    }
}

impl Metrics {
    /// With what the file says that is there.
    pub(super) fn read(config: &Config) -> Self {
        let text = config.textfile.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        Self { attempts: BTreeMap::new(), before: parse(&text.unwrap_or_default()) }
    }

    /// Writes the file whole, for every instance of the configuration.
    pub(super) fn write(&self, config: &Config, trusted: &Trusted, ui: &mut Ui) -> Result<()> {
        let Some(file) = &config.textfile else { return Ok(()) };
        let mut values = Values::new();
        for instance in config.all_names() {
            let mut set = |metric: &str, value: f64| {
                values.insert((metric.to_owned(), instance.clone()), value);
            };
            for ((metric, _), value) in self.before.iter().filter(|((_, of), _)| *of == instance) {
                set(metric, *value);
            }
            match config.instances.get(&instance).map(|found| achieved(&found.repository.1, &instance, trusted)) {
                Some(Ok(achieved)) => achieved.into_iter().for_each(|(metric, value)| set(metric, value)),
                // The old stamps stay: they were true.
                Some(Err(error)) => {
                    ui.say(Level::Detail, &format!("metrics: {instance}: {error}"), error.hint());
                }
                None => {}
            }
            if let Some(attempt) = self.attempts.get(&instance) {
                set("last_attempt_timestamp_seconds", seconds(attempt.at));
                set("last_exit_code", f64::from(attempt.exit_code));
                if let Some(ms) = attempt.duration_ms {
                    set("duration_seconds", float(ms) / 1000.0);
                }
            }
        }
        ui.write_public(file, text(&values).as_bytes())
    }
}

/// What the manifests of an instance say.
fn achieved(place: &std::ffi::OsStr, instance: &str, trusted: &Trusted) -> Result<Vec<(&'static str, f64)>> {
    let catalog = repositories::open_at(place)?.catalog(instance, trusted)?;
    let now = now();
    let good =
        |backup: &&rediscover::repository::Backup| backup.status() == BackupStatus::Good && backup.created_at() <= now;
    let mut values = Vec::new();
    if let Some(newest) = catalog.backups.iter().rev().find(good) {
        values.push(("last_success_timestamp_seconds", seconds(newest.created_at())));
        values.push(("keys", float(newest.manifest.keys)));
        values.push(("stored_bytes", float(newest.manifest.stored_bytes)));
    }
    let verified = catalog.backups.iter().filter_map(|backup| backup.verified_at(Deep::Stored)).max();
    values.extend(verified.map(|at| ("newest_verified_timestamp_seconds", seconds(at))));
    Ok(values)
}

#[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
fn seconds(at: UnixMs) -> f64 {
    at.0 as f64 / 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
fn float(number: u64) -> f64 {
    number as f64
}

/// The file, in the exposition format of Prometheus.
fn text(values: &Values) -> String {
    let mut text = String::new();
    for (metric, help) in METRICS {
        let of: Vec<_> = values.iter().filter(|((name, _), _)| name == metric).collect();
        if of.is_empty() {
            continue;
        }
        text.push_str(&format!("# HELP {PREFIX}{metric} {help}\n# TYPE {PREFIX}{metric} gauge\n"));
        for ((_, instance), value) in of {
            // Names of instances hold nothing that would have to be escaped.
            text.push_str(&format!("{PREFIX}{metric}{{instance=\"{instance}\"}} {value}\n"));
        }
    }
    text
}

/// Our own lines of a file; others are passed over.
fn parse(text: &str) -> Values {
    let line = |line: &str| {
        let (metric, rest) = line.strip_prefix(PREFIX)?.split_once("{instance=\"")?;
        let (instance, value) = rest.split_once("\"} ")?;
        let value: f64 = value.trim().parse().ok()?;
        value.is_finite().then(|| ((metric.to_owned(), instance.to_owned()), value))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut values = Values::new();
        values.insert(("keys".into(), "prod".into()), 12.0);
        values.insert(("keys".into(), "stage".into()), 0.0);
        values.insert(("last_success_timestamp_seconds".into(), "prod".into()), 1_700_000_000.123);
        let written = text(&values);
        assert_eq!(parse(&written), values);
        assert!(
            written.contains("rediscover_backup_last_success_timestamp_seconds{instance=\"prod\"} 1700000000.123\n")
        );
        assert_eq!(written.matches("# TYPE").count(), 2);
        assert!(
            parse("other{instance=\"x\"} 1\nrediscover_backup_keys{instance=\"x\"} NaN\nrediscover_backup_keys 1\n")
                .is_empty()
        );
    }
}
