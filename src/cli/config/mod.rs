//! `rediscover.toml`: which instances there are, where their backups go, and what is done with them.
//!
//! ```text
//! text ─► read (sections, lines) ─► raw (keys as written) ─► Config (instances completed by [defaults], paths in full)
//! ```
//! Everything that is wrong is kept, with its line: who runs the backups of five instances does four of them if one is written
//! wrongly.

mod names;
mod raw;
mod read;
mod taken;

pub(crate) use taken::sources_of;

pub(crate) use raw::Reading;

use super::sources::shown;
use crate::cli::args::{ConfigArgs, password_of, read_password};
use raw::{RawRetention, Settings};
use rediscover::backup::retention::{Limit, Retention};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::codec::Packing;
use rediscover::repository::valid_instance;
use rediscover::source::Via;
use rediscover::wire::{Address, Secret};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How large a configuration may be.
const MAX_BYTES: u64 = 4 << 20;

/// How old the newest good backup may be, where nobody says.
pub(crate) const MAX_AGE_MS: i64 = 26 * 3_600_000;

/// How long a hook may take, where nobody says.
const HOOK_MS: i64 = 5 * 60_000;

/// A configuration as it was read.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file.
    pub(crate) file: PathBuf,
    /// Repositories by name: where they are.
    pub(crate) repositories: BTreeMap<String, OsString>,
    /// Instances by name. One that is written wrongly is here as far as it could be read.
    pub(crate) instances: BTreeMap<String, Instance>,
    /// What is run beside.
    pub(crate) hooks: Hooks,
    /// The metrics file.
    pub(crate) textfile: Option<PathBuf>,
    /// The state folder.
    pub(crate) state: Option<PathBuf>,
    problems: Problems,
}

/// What is to be done with one instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// The repository and its name.
    pub(crate) repository: (String, OsString),
    /// Repositories that get a copy.
    pub(crate) copies: Vec<(String, OsString)>,
    pub(crate) tags: Vec<String>,
    pub(crate) max_age_ms: i64,
    pub(crate) max_unverified_ms: Option<i64>,
    /// When backups are read again.
    pub(crate) verify: Vec<Reading>,
    /// What prune keeps; none: nothing is pruned.
    pub(crate) retention: Option<Keep>,
    pub(crate) recipients: Vec<String>,
    pub(crate) recipients_files: Vec<PathBuf>,
    pub(crate) identity_files: Vec<PathBuf>,
    pub(crate) packing: Packing,
    /// Bytes that are kept in memory; none: the scratch folder takes what comes.
    pub(crate) stream_bytes: Option<u64>,
    pub(crate) max_shrink_percent: u8,
}

/// What an instance's backups are taken of.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A file or folder, and the redis.conf that belongs to it.
    Path(OsString, Option<PathBuf>),
    /// A server.
    Server(Box<Server>),
}

/// A server, and how to come in.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Password>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) via: Via,
}

/// Where a password is. The password itself is read when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Password {
    File(PathBuf),
    Environment(String),
}

impl Password {
    /// Where it comes from, for people.
    pub(crate) fn origin(&self) -> String {
        match self {
            Password::File(file) => format!("file {}", shown(file.as_os_str())),
            Password::Environment(name) => format!("environment {name}"),
        }
    }

    /// The password.
    pub(crate) fn read(&self) -> Result<Secret> {
        match self {
            Password::File(file) => read_password(file),
            Password::Environment(name) => password_of(name).ok_or_else(|| {
                let what = format!("{name} is not in the environment: there is no password");
                Error::new(ErrorKind::Usage { option: "password_env", what })
            }),
        }
    }
}

/// What prune keeps.
#[derive(Debug, Clone)]
pub(crate) struct Keep {
    pub(crate) policy: Retention,
    /// How much may go at once.
    pub(crate) max_remove: Option<Limit>,
    /// The same for people.
    pub(crate) words: Vec<String>,
}

/// Commands that are run beside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
    pub(crate) on_failure: Vec<String>,
    pub(crate) timeout_ms: i64,
}

impl Hooks {
    /// Each with its name.
    pub(crate) fn all(&self) -> [(&'static str, &[String]); 3] {
        [("before", &self.before), ("after", &self.after), ("on_failure", &self.on_failure)]
    }
}

/// Something that is wrong with the file.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// From 1; 0 if unknown.
    pub(crate) line: u32,
    /// The instance it is about; none: the whole file.
    pub(crate) instance: Option<String>,
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    /// False: it works, and is not wise.
    pub(crate) grave: bool,
}

/// All that is wrong, and where everything stands.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) all: Vec<Problem>,
    /// `instances.prod.source` to its line.
    lines: BTreeMap<String, u32>,
}

impl Problems {
    /// The line of a key of an instance, or of the default that stands for it.
    fn line(&self, instance: &str, key: &str) -> u32 {
        let own = [format!("instances.{instance}.{key}"), format!("defaults.{key}"), format!("instances.{instance}")];
        own.iter().find_map(|path| self.lines.get(path)).copied().unwrap_or_default()
    }

    /// That a key is missing: not where a section has others that could not be read, one of which it may be.
    fn missing(&mut self, instance: &str, key: &str, what: &str, hint: &str) {
        if !self.all.iter().any(|problem| problem.instance.as_deref() == Some(instance)) {
            self.of_instance(instance, key, what, Some(hint.to_owned()), true);
        }
    }

    fn of_instance(&mut self, instance: &str, key: &str, what: impl Into<String>, hint: Option<String>, grave: bool) {
        let line = self.line(instance, key);
        let what = format!("instances.{instance}: {}", what.into());
        self.all.push(Problem { line, instance: Some(instance.to_owned()), what, hint, grave });
    }

    fn of_file(&mut self, path: &str, what: impl Into<String>, hint: Option<String>, grave: bool) {
        let line = self.lines.get(path).copied().unwrap_or_default();
        self.all.push(Problem { line, instance: None, what: what.into(), hint, grave });
    }
}

/// The configuration that the arguments, the environment or the places of old name.
pub(crate) fn load(args: &ConfigArgs) -> Result<Config> {
    let file = match &args.config {
        Some(file) => file.clone(),
        None => found()?,
    };
    let failed = |error| Error::io("read the configuration", error).about(shown(file.as_os_str()));
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > MAX_BYTES {
        let what = format!("has {bytes} bytes: no configuration is so long");
        return Err(Error::new(ErrorKind::Config { file, line: 0, what }));
    }
    let text = std::fs::read_to_string(&file).map_err(failed)?;
    Ok(Config::parse(&file, &text))
}

fn found() -> Result<PathBuf> {
    let places = ["rediscover.toml", "/etc/rediscover/rediscover.toml"];
    places.iter().map(PathBuf::from).find(|place| place.exists()).ok_or_else(|| {
        let what =
            "there is no configuration: neither ./rediscover.toml nor /etc/rediscover/rediscover.toml".to_owned();
        Error::new(ErrorKind::Usage { option: "--config", what })
            .with_hint("--config FILE or REDISCOVER_CONFIG names one; docs/examples/rediscover.toml shows one")
    })
}

impl Config {
    /// Reads the text of a file. What is wrong with it is in [`Config::problems`].
    pub(crate) fn parse(file: &Path, text: &str) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut problems = Problems::default();
        let document = read::read(text, &mut problems);
        let mut config = Self {
            file: file.to_owned(),
            repositories: BTreeMap::new(),
            instances: BTreeMap::new(),
            hooks: Hooks {
                before: command(folder, document.hooks.before),
                after: command(folder, document.hooks.after),
                on_failure: command(folder, document.hooks.on_failure),
                timeout_ms: document.hooks.timeout.map_or(HOOK_MS, |span| span.0),
            },
            textfile: document.metrics.textfile.map(|path| folder.join(path)),
            state: document.state.map(|path| folder.join(path)),
            problems,
        };
        for (name, repository) in document.repositories {
            match repository.path {
                Some(path) if !path.is_empty() => {
                    config.repositories.insert(name, below(folder, &path));
                }
                _ => {
                    let section = format!("repositories.{name}");
                    let hint = "path = \"/folder\" or path = \"s3://bucket/prefix\"".to_owned();
                    config.problems.of_file(&section, format!("{section}: there is no path"), Some(hint), true);
                }
            }
        }
        if document.defaults.source.is_some() || document.defaults.replicas.is_some() {
            let what = "defaults: each instance has a source of its own";
            config.problems.of_file("defaults.source", what, None, true);
        }
        for (name, settings) in document.instances {
            let settings = settings.or(&document.defaults);
            if let Some(instance) = config.instance(folder, &name, settings) {
                config.instances.insert(name, instance);
            }
        }
        if config.problems.all.is_empty() && config.instances.is_empty() {
            let hint = "[instances.NAME] with source = \"…\" is one".to_owned();
            config.problems.of_file("", "there is no instance in it", Some(hint), true);
        }
        config.problems.all.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
        config
    }

    fn instance(&mut self, folder: &Path, name: &str, settings: Settings) -> Option<Instance> {
        if !valid_instance(name) || name == "all" {
            let what = "is no name for an instance: letters, digits, `.`, `_` and `-`, at most 64, and not `all`";
            self.problems.of_instance(name, "", what, None, true);
        }
        let repository = self.repository(name, settings.repository.as_deref());
        let copies: Vec<_> =
            settings.copies.iter().flatten().filter_map(|copy| self.named(name, "copies", copy)).collect();
        if let Some((to, _)) = repository.as_ref().and_then(|own| copies.iter().find(|copy| copy.1 == own.1)) {
            self.problems.of_instance(name, "copies", format!("a copy in {to} lies where the backup lies"), None, true);
        }
        let retention = settings.retention.as_ref().and_then(|raw| self.retention(name, raw));
        let bad = |tag: &&String| tag.is_empty() || tag.len() > 128 || tag.chars().any(|c| c.is_control() || c == ',');
        if let Some(tag) = settings.tags.iter().flatten().find(bad) {
            self.problems.of_instance(name, "tags", format!("`{}` is no tag", tag.escape_default()), None, true);
        }
        let source = self.source(folder, name, &settings);
        let in_folder =
            |files: Option<Vec<PathBuf>>| files.into_iter().flatten().map(|file| folder.join(file)).collect();
        Some(Instance {
            name: name.to_owned(),
            source: source?,
            repository: repository?,
            copies,
            tags: settings.tags.unwrap_or_default(),
            max_age_ms: settings.max_age.map_or(MAX_AGE_MS, |span| span.0),
            max_unverified_ms: settings.max_unverified.map(|span| span.0),
            verify: settings.verify.unwrap_or_default().0,
            retention,
            recipients: settings.recipients.unwrap_or_default(),
            recipients_files: in_folder(settings.recipients_files),
            identity_files: in_folder(settings.identity_files),
            packing: settings.compression.map_or_else(Packing::default, |compression| compression.0),
            stream_bytes: settings.stream.and_then(|stream| stream.0),
            max_shrink_percent: settings.max_shrink.map_or(50, |percent| percent.0),
        })
    }

    /// Where its backups go. Where there is one repository only, nobody has to say it.
    fn repository(&mut self, instance: &str, name: Option<&str>) -> Option<(String, OsString)> {
        match (name, self.repositories.len()) {
            (Some(name), _) => self.named(instance, "repository", name),
            (None, 1) => self.repositories.iter().next().map(|(name, place)| (name.clone(), place.clone())),
            (None, _) => {
                let hint = "repository = \"NAME\" of a section [repositories.NAME]";
                self.problems.missing(instance, "repository", "it has no repository", hint);
                None
            }
        }
    }

    fn named(&mut self, instance: &str, key: &str, name: &str) -> Option<(String, OsString)> {
        if let Some(place) = self.repositories.get(name) {
            return Some((name.to_owned(), place.clone()));
        }
        let known: Vec<String> = self.repositories.keys().cloned().collect();
        let what = read::unknown(name, &known, "repositories");
        self.problems.of_instance(instance, key, what, None, true);
        None
    }

    fn source(&mut self, folder: &Path, name: &str, settings: &Settings) -> Option<Source> {
        let Some(text) = settings.source.as_deref().filter(|text| !text.is_empty()) else {
            let hint = "source = \"redis://host:6379\", or a file or folder";
            self.problems.missing(name, "source", "it has no source", hint);
            return None;
        };
        let password = match (&settings.password_file, &settings.password_env) {
            (Some(_), Some(_)) => {
                let what = "password_file and password_env: one of them";
                self.problems.of_instance(name, "password_file", what, None, true);
                None
            }
            (Some(file), None) => Some(Password::File(folder.join(file))),
            (None, env) => env.clone().map(Password::Environment),
        };
        if !Address::is_one(text) {
            if text.contains("://") || text.contains("::") || text.starts_with('@') || text == "-" {
                let hint = Some("a source is a server, a file or a folder".to_owned());
                let what = format!("{} cannot be backed up from", shown(text.as_ref()));
                self.problems.of_instance(name, "source", what, hint, true);
                return None;
            }
            let config = settings.server_config.as_ref().map(|file| folder.join(file));
            return Some(Source::Path(folder.join(text).into_os_string(), config));
        }
        let whole = with_replicas(text, settings.replicas.as_deref().unwrap_or_default());
        let address = match Address::parse(&whole, "source") {
            Ok(address) => address,
            Err(error) => {
                let text = error.to_string();
                let hint = if text.contains("password") {
                    Some("password_file or password_env says where the password is; change this one".to_owned())
                } else {
                    error.hint().map(str::to_owned)
                };
                self.problems.of_instance(name, "source", text, hint, true);
                return None;
            }
        };
        let tls = settings.tls.clone().unwrap_or_default();
        let in_folder = |file: Option<PathBuf>| file.map(|file| folder.join(file));
        Some(Source::Server(Box::new(Server {
            address,
            user: settings.user.clone(),
            password,
            ca_file: in_folder(tls.ca_file),
            cert_file: in_folder(tls.cert_file),
            key_file: in_folder(tls.key_file),
            via: settings.via.map_or(Via::Auto, |way| way.0),
        })))
    }

    fn retention(&mut self, name: &str, raw: &RawRetention) -> Option<Keep> {
        let policy = raw.policy();
        if policy.check().is_err() {
            let hint = Some("retention = { keep_daily = 7, keep_weekly = 4 } is one".to_owned());
            self.problems.of_instance(name, "retention", "retention has no rule that keeps anything", hint, true);
            return None;
        }
        Some(Keep { policy, max_remove: raw.max_remove.map(|most| most.0), words: raw.words() })
    }

    /// All that is wrong with it.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems.all
    }

    /// The line on which an instance's key stands.
    pub(crate) fn line(&self, instance: &str, key: &str) -> u32 {
        self.problems.line(instance, key)
    }

    /// The line of a section or key outside of instances.
    pub(crate) fn line_of(&self, path: &str) -> u32 {
        self.problems.lines.get(path).copied().unwrap_or_default()
    }

    /// A problem as an error.
    pub(crate) fn error(&self, problem: &Problem) -> Error {
        let kind = ErrorKind::Config { file: self.file.clone(), line: problem.line, what: problem.what.clone() };
        match &problem.hint {
            Some(hint) => Error::new(kind).with_hint(hint.clone()),
            None => Error::new(kind),
        }
    }

    /// Refuses a file in which more is wrong than some instances.
    pub(crate) fn usable(self) -> Result<Self> {
        match self.problems.all.iter().find(|problem| problem.grave && problem.instance.is_none()) {
            None => Ok(self),
            Some(problem) if problem.hint.is_some() => Err(self.error(problem)),
            Some(problem) => {
                Err(self.error(problem).with_hint("'rediscover config check' lists all that is wrong with it"))
            }
        }
    }

    /// Instances that are written wrongly, with the first thing that is wrong.
    pub(crate) fn broken(&self) -> BTreeMap<String, &Problem> {
        let mut broken = BTreeMap::new();
        for problem in self.problems.all.iter().filter(|problem| problem.grave) {
            if let Some(instance) = &problem.instance {
                broken.entry(instance.clone()).or_insert(problem);
            }
        }
        broken
    }

    /// The names of all instances, also of those that are written wrongly.
    pub(crate) fn all_names(&self) -> BTreeSet<String> {
        self.instances.keys().cloned().chain(self.broken().into_keys()).collect()
    }
}

/// A span as it would be written: `26h`.
pub(crate) fn span_words(ms: i64) -> String {
    for (unit, each) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if ms % each == 0 && ms >= each {
            return format!("{}{unit}", ms / each);
        }
    }
    format!("{ms}ms")
}

/// A place of a repository: a path of the folder of the file, or a URL.
fn below(folder: &Path, text: &str) -> OsString {
    if text.contains("://") { text.into() } else { folder.join(text).into_os_string() }
}

/// A command of a hook. One with a slash is a path of the folder of the file; others are looked for in PATH.
fn command(folder: &Path, words: Option<Vec<String>>) -> Vec<String> {
    let mut words = words.unwrap_or_default();
    if let Some(program) = words.first_mut().filter(|program| program.contains('/')) {
        *program = folder.join(&*program).display().to_string();
    }
    words
}

/// `redis://a:1/0` and `b:2` as `redis://a:1,b:2/0`: one of them is taken that is healthy.
fn with_replicas(source: &str, replicas: &[String]) -> String {
    if replicas.is_empty() {
        return source.to_owned();
    }
    let hosts: Vec<&str> = replicas
        .iter()
        .map(|replica| replica.split_once("://").map_or(replica.as_str(), |(_, rest)| rest))
        .map(|replica| replica.rsplit_once('@').map_or(replica, |(_, host)| host))
        .map(|replica| replica.split_once('/').map_or(replica, |(host, _)| host))
        .collect();
    let start = source.find("://").map_or(0, |at| at + 3);
    let end = source.get(start..).and_then(|rest| rest.find('/')).map_or(source.len(), |at| start + at);
    let (before, after) = source.split_at_checked(end).unwrap_or((source, ""));
    format!("{before},{}{after}", hosts.join(","))
}

#[cfg(test)]
mod tests;
