//! What stands against a restore: all of it at once, each with the way out.

use super::facts::{Facts, LoadsThere};
use super::ground::{Ground, WORK};

use super::{Refusal, RestoreOptions, running};
use crate::base::size;
use crate::report::LoadVerdict;
use crate::source::ServerConfig;
use std::os::unix::fs::MetadataExt;

/// What a restore is warned of, and what refuses it.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) refused: Vec<Refusal>,
    pub(super) warnings: Vec<String>,
}

impl Verdict {
    /// Something that no `--force` changes.
    fn no(&mut self, kind: &'static str, what: impl Into<String>, way_out: impl Into<String>) {
        self.refused.push(Refusal { kind, what: what.into(), way_out: way_out.into(), can_be_forced: false });
    }

    /// Something that somebody may know better.
    fn unless_forced(&mut self, forced: bool, kind: &'static str, what: impl Into<String>, way_out: impl Into<String>) {
        let what = what.into();
        if forced {
            self.warnings.push(format!("{what} (forced)"));
        } else {
            self.refused.push(Refusal { kind, what, way_out: way_out.into(), can_be_forced: true });
        }
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }
}

/// What is asked for, and what it meets.
pub(super) struct Case<'a> {
    pub(super) ground: &'a Ground,
    pub(super) facts: Option<&'a Facts>,
    /// It was fetched: the folder of work is this restore's.
    pub(super) staged: bool,
    /// Bytes that are still to be written; none where that is not known, 0 where all lie there.
    pub(super) to_write: Option<u64>,
    /// There are commands in it.
    pub(super) has_log: bool,
    /// Whether the server appends, as far as it is known.
    pub(super) append_only: Option<bool>,
    /// The server that is to load it, and how that is known.
    pub(super) target: Option<(String, String)>,
    pub(super) options: &'a RestoreOptions,
}

pub(super) fn preflight(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    case.remnants(&mut verdict);
    case.folder(&mut verdict);
    case.owner(&mut verdict);
    case.space(&mut verdict);
    case.server(&mut verdict);
    case.configuration(&mut verdict);
    case.append_only(&mut verdict);
    if let Some(facts) = case.facts {
        case.databases(facts, &mut verdict);
        case.target(facts, &mut verdict);
        if facts.no_checksum {
            verdict.warn("it was written without a checksum (rdbchecksum no): its structure is whole, a changed value would not show");
        }
    }
    verdict
}

impl Case<'_> {
    fn config(&self) -> &ServerConfig {
        &self.options.config
    }

    fn force(&self) -> bool {
        self.options.force
    }

    fn remnants(&self, verdict: &mut Verdict) {
        let work = self.ground.path(WORK);
        if !self.staged && work.symlink_metadata().is_ok() {
            verdict.no(
                "remnants",
                format!("{WORK} is there: another restore is under way, or was killed"),
                "the next restore without --plan puts that in order before it begins; --undo too",
            );
        }
    }

    fn folder(&self, verdict: &mut Verdict) {
        let ground = self.ground;
        for spot in ground.links() {
            verdict.no(
                "link",
                format!("{} is a symbolic link: what it leads to would not be replaced", spot.name),
                "restore into the folder that holds the file, or remove the link",
            );
        }
        for spot in ground.elsewhere().filter(|spot| ground.links().all(|link| link.name != spot.name)) {
            verdict.no(
                "file-system",
                format!("{} is on another file system than its folder: it cannot be replaced by a rename", spot.name),
                "mount the whole folder there",
            );
        }
        let folder = |spot: &super::ground::Spot| spot.facts.as_ref().map(std::fs::Metadata::is_dir);
        for spot in [&ground.dump, &ground.legacy] {
            if folder(spot) == Some(true) {
                verdict.no("place", format!("{} is a folder", spot.name), "no server starts on it: move it away");
            }
        }
        if folder(&ground.aof_dir) == Some(false) && ground.links().all(|link| link.name != ground.aof_dir.name) {
            let what = format!("{} is no folder", ground.aof_dir.name);
            verdict.no("place", what, "no server that appends starts on it: move it away");
        }
        if ground.aof_dir.name == "." {
            verdict.no(
                "place",
                "appenddirname is `.`: AOF files lie among the others and cannot be replaced together",
                "give them a folder of their own in the configuration",
            );
        }
        if rustix::fs::access(&ground.dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
            verdict.no(
                "not-writable",
                format!("{} is not writable for this user", ground.dir.display()),
                "run it as root, or as the user the server runs as",
            );
        }
    }

    fn owner(&self, verdict: &mut Verdict) {
        let owner = self.ground.owner(self.options.owner);
        let me = rustix::process::geteuid().as_raw();
        if me != 0 && owner.uid != me {
            verdict.no(
                "owner",
                format!("the files have to belong to user {}, and this is user {me}", owner.uid),
                format!(
                    "run it as root or as that user; or --owner {me}:{} if the server runs as this one",
                    rustix::process::getegid().as_raw()
                ),
            );
        }
        if self.options.owner.is_some() {
            return;
        }
        let Some((path, old)) = self.ground.old_file() else { return };
        if old.uid() == 0 && self.ground.facts.uid() != 0 {
            verdict.unless_forced(
                self.force(),
                "owner-mismatch",
                format!(
                    "{} belongs to root, the folder to user {}: a server that runs as that user cannot read such a file",
                    path.display(),
                    self.ground.facts.uid()
                ),
                format!("--owner {}:{}", self.ground.facts.uid(), self.ground.facts.gid()),
            );
        }
    }

    fn space(&self, verdict: &mut Verdict) {
        let Ok(disk) = rustix::fs::statvfs(&self.ground.dir) else { return };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let size = self.facts.map(|facts| facts.bytes).or(self.to_write).unwrap_or_default();
        if let Some(needed) = self.to_write.filter(|needed| *needed > free) {
            verdict.no(
                "disk",
                format!("{} are needed, and {} are free", size::human(needed), size::human(free)),
                "make room: older pre-restore- folders, temp- files of killed saves",
            );
        } else if size > free.saturating_sub(self.to_write.unwrap_or_default()) {
            verdict.warn(format!(
                "{} stay free, less than the {} that the server's next save or rewrite takes",
                size::human(free.saturating_sub(self.to_write.unwrap_or_default())),
                size::human(size)
            ));
        }
    }

    fn server(&self, verdict: &mut Verdict) {
        let Some(found) = running::running(&self.ground.dir, self.config()) else { return };
        let saves = if self.config().server.save_points == Some(false) {
            ""
        } else {
            ", and its next save would replace what is restored"
        };
        let what = format!("{}{saves}", found.what);
        let way_out =
            "stop it (`systemctl stop`, or SHUTDOWN NOSAVE; a plain kill is restarted by systemd), then try again";
        if found.certain {
            verdict.no("server-running", what, way_out);
        } else {
            verdict.unless_forced(
                self.force(),
                "server-answers",
                what,
                format!("{way_out}; --force if it is another server"),
            );
        }
    }

    fn configuration(&self, verdict: &mut Verdict) {
        let config = self.config();
        let settings = &config.server;
        let shown =
            config.file.as_deref().map_or_else(|| "the configuration".to_owned(), |file| file.display().to_string());
        for note in &config.notes {
            let line = if note.line > 0 { format!(":{}", note.line) } else { String::new() };
            let what = format!("{shown}{line}: {}", note.text);
            if note.refused {
                let way_out = "no server starts with it: mend that line";
                verdict.unless_forced(self.force(), "configuration", what, way_out);
            } else {
                verdict.warn(what);
            }
        }
        if let Some(primary) = &settings.replica_of {
            verdict.unless_forced(
                self.force(),
                "replica",
                format!(
                    "{shown} makes it a replica of {primary}: it would throw away what is restored and copy its primary"
                ),
                "restore the primary; or take `replicaof` out, start it, and put the others behind it",
            );
        }
        if settings.sentinel || self.ground.path("sentinel.conf").exists() {
            verdict.unless_forced(
                self.force(),
                "sentinel",
                "a Sentinel is configured here: it may make another node the primary, and this one its replica",
                "stop the Sentinels, restore and start the primary, then the replicas, then the Sentinels",
            );
        }
        let relative = |dir: &std::path::Path| dir.is_relative();
        if let Some(dir) = config.dir.as_deref().filter(|dir| !relative(dir))
            && dir.canonicalize().ok().as_deref() != Some(&self.ground.dir)
        {
            verdict.unless_forced(
                self.force(),
                "other-folder",
                format!(
                    "{shown} says dir {}, which is not {}: the server would not look here",
                    dir.display(),
                    self.ground.dir.display()
                ),
                format!("--to {}", dir.display()),
            );
        }
        if settings.rdb_checksum == Some(false) {
            verdict
                .warn(format!("{shown} has rdbchecksum no: damage that comes to the file from now on loads silently"));
        }
        if settings.cluster_enabled {
            let nodes = settings.cluster_config_file.clone().unwrap_or_else(|| "nodes.conf".into());
            if !self.ground.dir.join(&nodes).exists() {
                verdict.unless_forced(
                    self.force(),
                    "cluster-node",
                    format!("cluster-enabled is yes and there is no {}: the node claims the slots of its keys for itself, and its cluster is down", nodes.display()),
                    "put the node's own file back first, or load the keys into the running cluster: --to-server",
                );
            }
        }
    }

    fn append_only(&self, verdict: &mut Verdict) {
        let said = self.config().append_only.filter(|_| self.config().file.is_some());
        let word = |on| if on { "yes" } else { "no" };
        if let (Some(asked), Some(said)) = (self.options.append_only, said)
            && asked != said
        {
            verdict.warn(format!(
                "--appendonly {} is asked for, and the configuration says {}: it is laid down for both",
                word(asked),
                word(said)
            ));
        }
        let on = said.or(self.options.append_only);
        if self.has_log && on != Some(true) {
            let what = match said {
                Some(false) => {
                    "it is an append-only file, and the configuration says appendonly no: the server would not look at it"
                }
                _ => "it is an append-only file, and nothing says that the server has appendonly yes",
            };
            verdict.unless_forced(
                self.force() && self.options.append_only == Some(true),
                "append-only",
                what,
                "--appendonly yes, and `appendonly yes` in the configuration",
            );
        }
        if self.has_log && self.ground.dump.is_there() {
            verdict.warn(format!(
                "{} stays as it is: with appendonly no the server would load that",
                self.ground.dump.name
            ));
        }
        if self.append_only.is_none() && !self.has_log && (self.options.append_only, said) == (None, None) {
            verdict.warn("nothing says whether appendonly is on: it is laid down for both, so that either way its keys are loaded (--appendonly yes|no, or --server-config)");
        }
    }

    fn databases(&self, facts: &Facts, verdict: &mut Verdict) {
        let settings = &self.config().server;
        let highest = facts.highest_db();
        if settings.cluster_enabled && highest > 0 {
            verdict.no(
                "cluster-database",
                format!("it has keys in database {highest}, and cluster-enabled is yes: the server crashes at them"),
                "load it into a server that is no cluster node, move the keys to database 0, and take that dump",
            );
            return;
        }
        let databases = settings.databases.unwrap_or(16);
        if highest >= databases {
            verdict.unless_forced(
                self.force(),
                "databases",
                format!(
                    "it has keys in database {highest}, and the server has {databases} databases: it does not start"
                ),
                format!("`databases {}` in the configuration", highest.saturating_add(1)),
            );
        }
    }

    fn target(&self, facts: &Facts, verdict: &mut Verdict) {
        let Some((target, why)) = &self.target else {
            let loads = facts.loads_on.iter().rfind(|loads| loads.verdict == LoadVerdict::Yes);
            let example = loads.map_or("redis-7.2", |loads| loads.server.as_str());
            verdict.warn(format!(
                "the version of the server is not known; it has to load RDB version {} (--target {example})",
                facts.format_version.map_or_else(|| "of an append-only file".to_owned(), |version| version.to_string())
            ));
            // What no server has built in, none loads without it.
            let needs = facts.loads_on.iter().rfind(|loads| loads.verdict == LoadVerdict::WithSetting);
            if let Some(loads) = needs {
                // A setting that another server does without is no reason to refuse.
                let somebody = facts.loads_on.iter().any(|loads| loads.verdict == LoadVerdict::Yes);
                let mut loads = loads.clone();
                loads.needs.retain(|need| !somebody || need.starts_with("module "));
                self.needs(&loads, "the server", verdict);
            }
            return;
        };
        let Some(loads) = facts.loads_on.iter().find(|loads| loads.server == *target) else { return };
        let named = format!("{target} ({why})");
        match loads.verdict {
            LoadVerdict::Yes => {}
            LoadVerdict::WithSetting => self.needs(loads, &named, verdict),
            LoadVerdict::Lossy => verdict.warn(format!("{named} loses something: {}", loads.reason)),
            LoadVerdict::Unknown => verdict.warn(format!("whether {named} loads it is not known: {}", loads.reason)),
            LoadVerdict::No => {
                let servers: Vec<_> = facts
                    .loads_on
                    .iter()
                    .filter(|loads| loads.verdict == LoadVerdict::Yes)
                    .map(|loads| loads.server.as_str())
                    .collect();
                let way_out = if servers.is_empty() {
                    "no server known here loads it as it is".to_owned()
                } else {
                    format!("these load it: {}; --target if one of them is to", servers.join(", "))
                };
                let what = format!("{named} does not load it: {}", loads.reason);
                verdict.unless_forced(self.force(), "target", what, way_out);
            }
        }
    }

    /// What the server has to have.
    fn needs(&self, loads: &LoadsThere, named: &str, verdict: &mut Verdict) {
        let settings = &self.config().server;
        for need in &loads.needs {
            if let Some(module) = need.strip_prefix("module ") {
                if settings.modules.is_empty() {
                    verdict.unless_forced(
                        self.force(),
                        "module",
                        format!("{named} needs the module of type {module}, and the configuration loads none"),
                        "a server that has it, or `loadmodule` in the configuration",
                    );
                } else {
                    verdict.warn(format!(
                        "{named} needs the module of type {module}: one that the configuration loads has to bring it"
                    ));
                }
            } else if need.starts_with("databases ") || need.starts_with("cluster-enabled") && settings.cluster_enabled
            {
                // The number of databases is judged by the configuration, above.
            } else if need == "rdb-version-check relaxed" && settings.relaxed_version_check {
            } else {
                let way_out = format!("`{need}` in the configuration");
                verdict.unless_forced(self.force(), "setting", format!("{named} loads it only with {need}"), way_out);
            }
        }
    }
}
