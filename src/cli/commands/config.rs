//! `config`: what is wrong with the configuration and with what it names, and what it comes to.

use crate::cli::args::{ConfigCheckArgs, ConfigCommand, ConfigShowArgs};
use crate::cli::commands::deliver;
use crate::cli::config::{self, Config, Instance, Password, Server, Source};
use crate::cli::exit::{Code, Ending, Reason};
use crate::cli::repositories;
use crate::cli::sources::shown;
use crate::cli::ui::Ui;
use rediscover::base::{Error, Result};
use rediscover::render;
use rediscover::report::{ConfigCheckReport, ConfigProblem, ConfigReport, InstanceSettings};
use rediscover::source::cluster;
use rediscover::wire;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) fn run(command: &ConfigCommand, ui: &mut Ui) -> Result<Ending> {
    match command {
        ConfigCommand::Check(args) => check(args, ui),
        ConfigCommand::Show(args) => show(args, ui),
    }
}

/// What is found on the way.
struct Found<'c> {
    config: &'c Config,
    problems: Vec<ConfigProblem>,
}

impl Found<'_> {
    fn add(&mut self, line: u32, instance: Option<&str>, grave: bool, problem: String, next: Option<&str>) {
        let problem = ConfigProblem {
            severity: if grave { "error" } else { "warning" }.into(),
            line,
            instance: instance.map(str::to_owned),
            problem,
            next: next.map(str::to_owned),
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn of(&mut self, instance: &Instance, key: &str, grave: bool, problem: &str, next: Option<&str>) {
        let problem = format!("instances.{}: {problem}", instance.name);
        self.add(self.config.line(&instance.name, key), Some(&instance.name), grave, problem, next);
    }

    fn failed(&mut self, instance: &Instance, key: &str, error: &Error) {
        self.of(instance, key, true, &error.to_string(), error.hint());
    }
}

fn check(args: &ConfigCheckArgs, ui: &mut Ui) -> Result<Ending> {
    let config = config::load(&args.config)?;
    let mut found = Found { config: &config, problems: Vec::new() };
    for problem in config.problems() {
        let (instance, next) = (problem.instance.as_deref(), problem.hint.as_deref());
        found.add(problem.line, instance, problem.grave, problem.what.clone(), next);
    }
    for (name, place) in &config.repositories {
        repository(name, place, args.connect, &mut found);
    }
    for instance in config.instances.values() {
        sealing(instance, &mut found);
        source(instance, args.connect, &mut found, ui);
    }
    for (name, words) in config.hooks.all() {
        hook(name, words, &mut found);
    }
    if let Some(textfile) = &config.textfile
        && !textfile.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir())
    {
        let line = config.line_of("metrics.textfile");
        let what = format!("metrics.textfile: {} is in no folder", shown(textfile.as_os_str()));
        found.add(line, None, true, what, None);
    }
    let mut problems = found.problems;
    problems.sort_by(|a, b| (a.line, &a.problem).cmp(&(b.line, &b.problem)));
    let mut ending = Ending::default();
    let file = shown(config.file.as_os_str());
    for problem in problems.iter().filter(|problem| problem.severity == "error") {
        let place = if problem.line > 0 { format!("{file}:{}", problem.line) } else { file.clone() };
        ending.reasons.push(Reason {
            code: Code::Usage,
            source: Some(place),
            problem: problem.problem.clone(),
            next: problem.next.clone(),
            said: false,
        });
    }
    let report = ConfigCheckReport {
        schema: "rediscover/config-check/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        config: file,
        instances: config.all_names().len() as u64,
        repositories: config.repositories.len() as u64,
        connected: args.connect,
        problems,
    };
    deliver(&report, args.output.tz.as_ref(), ui, render::text::config_check)?;
    Ok(ending)
}

fn repository(name: &str, place: &OsStr, connect: bool, found: &mut Found<'_>) {
    let line = found.config.line_of(&format!("repositories.{name}"));
    let empty = |place: &Path| place.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    let path = Path::new(place);
    if matches!(repositories::bucket(place), Ok(Some(_))) {
        // Only with --connect is anything asked of another machine.
        if connect && let Err(error) = repositories::open_at(place) {
            found.add(line, None, true, format!("repositories.{name}: {error}"), error.hint());
        }
    } else if !path.exists() || empty(path) {
        let what = format!("repositories.{name}: {} is not there yet", shown(place));
        found.add(line, None, false, what, Some("the first backup makes it"));
    } else if let Err(error) = repositories::open_at(place) {
        found.add(line, None, true, format!("repositories.{name}: {error}"), error.hint());
    }
}

/// Whom backups are encrypted to, and who opens them.
fn sealing(instance: &Instance, found: &mut Found<'_>) {
    if let Err(error) = instance.recipients() {
        found.failed(instance, "recipients_files", &error);
    }
    if let Err(error) = instance.identities() {
        found.failed(instance, "identity_files", &error);
    }
    for file in &instance.identity_files {
        everybody_reads(instance, "identity_files", file, found);
    }
    let encrypted = !instance.recipients.is_empty() || !instance.recipients_files.is_empty();
    let opens = !instance.identity_files.is_empty();
    if encrypted && !opens && instance.verify.iter().any(|reading| reading.level.word() == "full") {
        let what = "verify: backups that are encrypted are read in full with identity_files only".to_owned();
        let next = "verify at level stored here, and in full where an identity is";
        found.of(instance, "verify", true, &what, Some(next));
    }
}

/// A file that should be its owner's alone.
fn everybody_reads(instance: &Instance, key: &str, file: &Path, found: &mut Found<'_>) {
    let Ok(metadata) = file.metadata() else { return };
    if metadata.permissions().mode() & 0o004 != 0 {
        let what = format!("{key}: everybody on this machine may read {}", shown(file.as_os_str()));
        found.of(instance, key, false, &what, Some("chmod 0600"));
    }
}

fn source(instance: &Instance, connect: bool, found: &mut Found<'_>, ui: &mut Ui) {
    let server = match &instance.source {
        Source::Server(server) => server,
        Source::Path(path, config) => {
            let path = Path::new(path);
            let globbed = path.as_os_str().to_string_lossy().contains(['*', '?', '[']);
            if !globbed && let Err(error) = path.symlink_metadata() {
                let error = Error::io("open", error).about(shown(path.as_os_str()));
                found.failed(instance, "source", &error);
            } else if let Some(file) = config.as_deref().filter(|file| !file.is_file()) {
                let what = format!("server_config: {} is no file", shown(file.as_os_str()));
                found.of(instance, "server_config", true, &what, None);
            } else if let Err(error) = instance.taken(&std::env::temp_dir(), ui) {
                found.failed(instance, "source", &error);
            }
            return;
        }
    };
    if let Some(password) = &server.password {
        if let Password::File(file) = password {
            everybody_reads(instance, "password_file", file, found);
        }
        match password.read() {
            Ok(_) => {}
            // A service may have what a shell has not.
            Err(error) if matches!(password, Password::Environment(_)) && !connect => {
                found.of(instance, "password_env", false, &error.to_string(), error.hint());
            }
            Err(error) => found.failed(instance, "password_file", &error),
        }
    }
    for (key, file) in tls_files(server) {
        if !file.is_file() {
            let what = format!("tls.{key}: {} is no file", shown(file.as_os_str()));
            found.of(instance, "tls", true, &what, None);
        }
    }
    if tls_files(server).next().is_some() && !server.address.tls {
        let what = "tls: the source does not ask for TLS".to_owned();
        found.of(instance, "tls", true, &what, Some("rediss:// does"));
    }
    if connect && let Err(error) = reach(server, ui) {
        found.failed(instance, "source", &error);
    }
}

fn tls_files(server: &Server) -> impl Iterator<Item = (&'static str, &PathBuf)> {
    let all = [("ca_file", &server.ca_file), ("cert_file", &server.cert_file), ("key_file", &server.key_file)];
    all.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?)))
}

fn reach(server: &Server, ui: &Ui) -> Result<()> {
    let place = server.place(&std::env::temp_dir(), ui)?;
    if place.is_cluster() {
        return cluster(&place).map(drop);
    }
    wire::pick(&place.address, &place.options, place.max_lag).map(drop)
}

fn hook(name: &str, words: &[String], found: &mut Found<'_>) {
    let Some(program) = words.first() else { return };
    let runs = |path: &Path| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    let line = found.config.line_of(&format!("hooks.{name}"));
    let problem = if program.contains('/') {
        match Path::new(program) {
            path if runs(path) => return,
            path if path.is_file() => format!("hooks.{name}: {program} may not be executed"),
            _ => format!("hooks.{name}: there is no {program}"),
        }
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if std::env::split_paths(&path).any(|folder| runs(&folder.join(program))) {
            return;
        }
        format!("hooks.{name}: there is no {program} in PATH")
    };
    found.add(line, None, true, problem, None);
}

fn show(args: &ConfigShowArgs, ui: &mut Ui) -> Result<Ending> {
    let config = config::load(&args.config)?.usable()?;
    let all = ["@all".to_owned()];
    let names = config.resolve_names(if args.names.is_empty() { &all } else { &args.names })?;
    let mut ending = Ending::default();
    for (name, problem) in config.broken().iter().filter(|(name, _)| names.contains(*name)) {
        let error = config.error(problem);
        let (problem, next) = (error.to_string(), error.hint().map(Into::into));
        ending.reasons.push(Reason { code: Code::Usage, source: Some(name.clone()), problem, next, said: false });
    }
    let report = ConfigReport {
        schema: "rediscover/config/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        config: shown(config.file.as_os_str()),
        state: config.state.as_ref().map(|path| shown(path.as_os_str())),
        textfile: config.textfile.as_ref().map(|path| shown(path.as_os_str())),
        repositories: config.repositories.iter().map(|(name, place)| (name.clone(), shown(place))).collect(),
        hooks: config
            .hooks
            .all()
            .into_iter()
            .filter(|(_, words)| !words.is_empty())
            .map(|(name, words)| (name.to_owned(), words.to_vec()))
            .collect(),
        hook_timeout_seconds: u64::try_from(config.hooks.timeout_ms / 1000).unwrap_or_default(),
        instances: names.iter().filter_map(|name| config.instances.get(name)).map(settings).collect(),
    };
    deliver(&report, args.output.tz.as_ref(), ui, render::text::config_show)?;
    // The text holds what is there, not what is missing.
    for reason in &ending.reasons {
        ui.say(crate::cli::ui::Level::Warning, &reason.sentence(), reason.next.as_deref());
    }
    Ok(ending)
}

fn settings(instance: &Instance) -> InstanceSettings {
    let files = |files: &[PathBuf]| files.iter().map(|file| shown(file.as_os_str())).collect::<Vec<_>>();
    let server = match &instance.source {
        Source::Server(server) => Some(server),
        Source::Path(..) => None,
    };
    let (source, server_config) = match &instance.source {
        Source::Server(server) => (server.address.to_string(), None),
        Source::Path(path, config) => (shown(path), config.as_ref().map(|file| shown(file.as_os_str()))),
    };
    InstanceSettings {
        instance: instance.name.clone(),
        source,
        server_config,
        user: server.and_then(|server| server.user.clone().or_else(|| server.address.user.clone())),
        password: server.and_then(|server| server.password.as_ref()).map(Password::origin),
        tls: server.map_or_else(BTreeMap::new, |server| {
            tls_files(server).map(|(key, file)| (key.to_owned(), shown(file.as_os_str()))).collect()
        }),
        via: server.map(|server| server.via.name().into()),
        repository: instance.repository.0.clone(),
        copies: instance.copies.iter().map(|(name, _)| name.clone()).collect(),
        tags: instance.tags.clone(),
        compression: instance.packing.to_string(),
        recipients: instance.recipients.clone(),
        recipients_files: files(&instance.recipients_files),
        identity_files: files(&instance.identity_files),
        stream_bytes: instance.stream_bytes,
        max_shrink_percent: instance.max_shrink_percent,
        verify: instance.verify.iter().map(ToString::to_string).collect(),
        retention: instance.retention.as_ref().map(|keep| keep.words.clone()),
        max_age_seconds: instance.max_age_ms / 1000,
        max_unverified_seconds: instance.max_unverified_ms.map(|ms| ms / 1000),
    }
}
