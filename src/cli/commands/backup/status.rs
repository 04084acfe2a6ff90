//! `backup status`: every instance of some repositories, of the configuration, or of both.

use super::deliver;
use crate::cli::args::{StateArgs, StatusArgs};
use crate::cli::config::{self, Config, MAX_AGE_MS};
use crate::cli::exit::{Code, Ending, Reason};
use crate::cli::repositories;
use crate::cli::ui::{Level, Ui, now};
use rediscover::backup::{self, StatusLimits};
use rediscover::base::Result;
use rediscover::render;
use rediscover::report::{BackupStatusReport, InstanceState};
use rediscover::repository::Catalog;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// What is wanted.
#[derive(Default)]
struct Wanted {
    /// Instances of the configuration that were named, with their limits and the place of their repository.
    instances: BTreeMap<String, (StatusLimits, OsString)>,
    /// Of --expect.
    expected: BTreeSet<String>,
    /// Those of a repository that are not wanted are told, as unconfigured.
    all: bool,
}

pub(crate) fn run(args: &StatusArgs, ui: &mut Ui) -> Result<Ending> {
    let mut ending = Ending::default();
    let config = if args.names.is_empty() { None } else { Some(config::load(&args.config)?.usable()?) };
    let mut wanted = Wanted { expected: args.expect.iter().cloned().collect(), ..Wanted::default() };
    wanted.all = !wanted.expected.is_empty();
    if let Some(config) = &config {
        wanted.add(config, args, &mut ending)?;
    }
    let state = StateArgs {
        state: args.state.state.clone().or_else(|| config.and_then(|config| config.state)),
        trusted_key: args.state.trusted_key.clone(),
    };
    let (state, trusted) = repositories::known(&state)?;
    let default =
        StatusLimits { max_age_ms: Some(args.max_age.unwrap_or(MAX_AGE_MS)), max_unverified_ms: args.max_unverified };
    let places: BTreeSet<&OsString> =
        args.repo.iter().chain(wanted.instances.values().map(|(_, place)| place)).collect();
    let (mut instances, mut seen, mut ids) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for place in &places {
        let repository = match repositories::open_at(place) {
            Ok(repository) => repository,
            Err(error) if places.len() > 1 || !wanted.instances.is_empty() => {
                // Its instances are told as never backed up, or as lost: this says why.
                ui.say(Level::Error, &error.to_string(), error.hint());
                ending.unread(&crate::cli::sources::shown(place), &error, true);
                continue;
            }
            Err(error) => return Err(error),
        };
        if !ids.insert(repository.id().to_owned()) {
            continue;
        }
        for instance in repository.instances()? {
            let own = wanted.instances.get(&instance);
            // An instance of the same name in another repository is not the one that is configured.
            let is_here = own.is_some_and(|(_, own)| own == *place) || wanted.expected.contains(&instance);
            if !is_here && !wanted.all && !args.names.is_empty() {
                continue;
            }
            let limits = own.map_or(default, |(limits, _)| *limits);
            let catalog = repository.catalog(&instance, &trusted)?;
            let head = state.head(repository.id(), &instance)?;
            let configured = wanted.all.then_some(is_here);
            let location = repository.location();
            instances.push(backup::status(&instance, &location, &catalog, head.as_ref(), configured, limits, now()));
            if is_here {
                seen.insert(instance);
            }
        }
    }
    let missing: BTreeSet<&String> = wanted.instances.keys().chain(&wanted.expected).collect();
    for missing in missing.into_iter().filter(|instance| !seen.contains(*instance)) {
        let limits = wanted.instances.get(missing).map_or(default, |(limits, _)| *limits);
        let mut row = backup::status(missing, "", &Catalog::default(), None, Some(true), limits, now());
        row.repository = wanted.instances.get(missing).map(|(_, place)| crate::cli::sources::shown(place));
        instances.push(row);
    }
    instances.sort_by(|a, b| (a.state, &a.instance).cmp(&(b.state, &b.instance)));
    for instance in instances.iter().filter(|instance| instance.state != InstanceState::Ok) {
        let why = instance.problems.first().map(String::as_str).unwrap_or_default();
        ending.found(&format!("{}: {}: {why}", instance.instance, instance.state.word()));
    }
    if instances.is_empty() {
        ending.found("there is no backup at all");
    }
    let report = BackupStatusReport {
        schema: "rediscover/backup-status/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        instances,
    };
    deliver(&report, &args.output, ui, render::text::backup_status)?;
    Ok(ending)
}

impl Wanted {
    /// The instances of the configuration that were named. One that is written wrongly is a problem of its own.
    fn add(&mut self, config: &Config, args: &StatusArgs, ending: &mut Ending) -> Result<()> {
        let broken = config.broken();
        for name in config.resolve_names(&args.names)? {
            if let Some(problem) = broken.get(&name) {
                let error = config.error(problem);
                let (problem, next) = (error.to_string(), error.hint().map(Into::into));
                ending.reasons.push(Reason {
                    code: Code::Usage,
                    source: Some(name.clone()),
                    problem,
                    next,
                    said: false,
                });
            }
            let Some(instance) = config.instances.get(&name) else { continue };
            let limits = StatusLimits {
                max_age_ms: Some(args.max_age.unwrap_or(instance.max_age_ms)),
                max_unverified_ms: args.max_unverified.or(instance.max_unverified_ms),
            };
            self.instances.insert(name, (limits, instance.repository.1.clone()));
        }
        self.all |= args.names.iter().any(|name| name == "@all");
        if self.all {
            // Those that are written wrongly are configured nevertheless.
            self.expected.extend(broken.into_keys());
        }
        Ok(())
    }
}
