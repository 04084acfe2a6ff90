//! `aof`: append-only files mended. The library plans and writes; here is where things go, and what is said.

use super::deliver;
use crate::cli::args::{AofCommand, CutArgs, RepairArgs, SourceArgs, SplitArgs};
use crate::cli::exit::Ending;
use crate::cli::sources::{self, Take};
use crate::cli::ui::{Level, Ui};
use rediscover::analysis::{self, CheckOptions};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::mend::{self, FilePlan, Moment, Owner, Plan, RepairOptions, Target, With};
use rediscover::pipeline::RunOptions;
use rediscover::render;
use rediscover::report::{CutReport, Output, RepairReport, SourceFacts, Verdict};
use rediscover::source::{Origin, Place};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

pub(crate) fn run(command: &AofCommand, ui: &mut Ui) -> Result<Ending> {
    match command {
        AofCommand::Repair(args) => repair(args, ui),
        AofCommand::Cut(args) => cut(args, ui),
        AofCommand::Split(args) => split(args, ui),
    }
}

/// The one source these commands take: a file that can be read twice.
fn source(args: &SourceArgs, ui: &mut Ui) -> Result<Origin> {
    let mut origins = sources::expand(args, Take::Loaded, None, ui)?;
    match (origins.pop(), origins.is_empty()) {
        (Some(origin), true) if origin.place != Place::Stdin => Ok(origin),
        (Some(_), true) => {
            let what = "is read twice here, and `-` can be read only once".to_owned();
            Err(Error::new(ErrorKind::Usage { option: "SOURCE", what }).with_hint("save it to a file first"))
        }
        _ => Err(Error::new(ErrorKind::Usage { option: "SOURCE", what: "one at a time".to_owned() })),
    }
}

fn facts(origin: &Origin) -> SourceFacts {
    let parts = origin.parts();
    let bytes = parts.iter().filter_map(|part| match &part.place {
        Place::Path(path) => path.metadata().ok().map(|facts| facts.len()),
        _ => None,
    });
    SourceFacts { source: origin.name.clone(), kind: Some("aof".into()), bytes: bytes.sum(), ..SourceFacts::default() }
}

fn repair(args: &RepairArgs, ui: &mut Ui) -> Result<Ending> {
    let origin = source(&args.source, ui)?;
    let run = args.resources.run(&crate::cli::args::HashArgs::none(), 1, ui.cancel(), ui.progress())?;
    let options = RepairOptions { run: run.clone(), assume_db: args.assume_db.map(u64::from) };
    let plan = mend::plan_repair(&origin, &options)?;
    let mut ending = Ending::default();
    let mut outputs = Vec::new();
    let refused = !args.skip_bad && !plan.files.iter().all(FilePlan::only_cuts_the_end);
    let missing = missing(&origin);
    if let Some(missing) = &missing
        && args.skip_bad
    {
        ui.say(Level::Warning, &format!("{missing} is missing: what was in it is lost"), None);
    }
    if let (Some(missing), false) = (&missing, args.skip_bad) {
        let what = format!("{missing} is missing: nothing was written");
        ending.damaged(&origin.name, what, Some("--skip-bad goes on without it".to_owned()));
    } else if refused {
        let first = plan.dropped.first();
        let place = first.map(|first| format!(" at {}", render::text::offset(first.offset))).unwrap_or_default();
        let what = format!("damaged{place}, and what follows can be read: nothing was written");
        ending.damaged(&origin.name, what, Some("--skip-bad leaves out only what is damaged".to_owned()));
    } else if args.dry_run {
        for file in &plan.files {
            outputs.push(Output { path: name_of(file, &origin), bytes: bytes_after(file) });
        }
    } else if args.in_place {
        let changed = plan.files.iter().filter(|file| !file.edits.is_empty());
        let replacements = changed.map(|file| Replacement::of(file, &origin)).collect::<Result<Vec<_>>>()?;
        for replacement in &replacements {
            outputs.extend(replacement.carry_out(&run)?);
        }
        judge(&origin, &run, &mut ending);
    } else if let Some(path) = &args.output {
        outputs = write_all(&origin, &plan, path, &run)?;
        judge(&sources::written(path)?, &run, &mut ending);
    }
    let written = !outputs.is_empty() && !args.dry_run;
    let report = RepairReport {
        schema: "rediscover/aof-repair/v1".into(),
        provenance: ui.provenance(vec![facts(&origin)]),
        exit: ending.report(),
        written,
        outputs,
        kept_commands: plan.kept_commands,
        dropped_commands: plan.dropped_commands,
        lost_bytes: plan.lost_bytes,
        unplaced_commands: plan.unplaced_commands,
        rewritten_commands: plan.rewritten_commands,
        dropped: plan.dropped,
    };
    deliver(&report, None, ui, render::text::repair)?;
    Ok(ending)
}

fn cut(args: &CutArgs, ui: &mut Ui) -> Result<Ending> {
    let origin = source(&args.source, ui)?;
    let run = args.resources.run(&crate::cli::args::HashArgs::none(), 1, ui.cancel(), ui.progress())?;
    let moment = match &args.at {
        Moment::Offset(_, offset) => Moment::Offset(args.file.clone(), *offset),
        Moment::Line(_, line) => Moment::Line(args.file.clone(), *line),
        time @ Moment::Time(_) => time.clone(),
    };
    let (plan, offset) = mend::plan_cut(&origin, &moment, &run)?;
    let outputs = write_all(&origin, &plan, &args.output, &run)?;
    let mut ending = Ending::default();
    judge(&sources::written(&args.output)?, &run, &mut ending);
    let file = plan.files.last().and_then(|file| file.part.file.as_deref().map(str::to_owned));
    let what = Cut { schema: "rediscover/aof-cut/v1", file, offset, lost_bytes: plan.lost_bytes };
    deliver_cut(&origin, what, outputs, &ending, ui)?;
    Ok(ending)
}

fn split(args: &SplitArgs, ui: &mut Ui) -> Result<Ending> {
    let origin = source(&args.source, ui)?;
    let run = args.resources.run(&crate::cli::args::HashArgs::none(), 1, ui.cancel(), ui.progress())?;
    let (dump, log) = mend::plan_split(&origin, &run)?;
    let outputs = in_new_folder(&args.output, || {
        let mut outputs = Vec::new();
        for (plan, name) in [(&dump, "dump.rdb"), (&log, "appendonly.aof")] {
            outputs.extend(write_one(plan, &target(args.output.join(name), None), &run)?);
        }
        Ok(outputs)
    })?;
    let ending = Ending::default();
    let offset = dump.edits.first().map_or(0, |edit| edit.from);
    let what = Cut { schema: "rediscover/aof-split/v1", file: None, offset, lost_bytes: 0 };
    deliver_cut(&origin, what, outputs, &ending, ui)?;
    Ok(ending)
}

struct Cut {
    schema: &'static str,
    file: Option<String>,
    offset: u64,
    lost_bytes: u64,
}

fn deliver_cut(origin: &Origin, what: Cut, outputs: Vec<Output>, ending: &Ending, ui: &mut Ui) -> Result<()> {
    let report = CutReport {
        schema: what.schema.into(),
        provenance: ui.provenance(vec![facts(origin)]),
        exit: ending.report(),
        file: what.file,
        offset: what.offset,
        lost_bytes: what.lost_bytes,
        outputs,
    };
    deliver(&report, None, ui, render::text::cut)
}

/// Writes what a plan keeps: one file, or a folder with a manifest.
fn write_all(origin: &Origin, plan: &Plan, path: &Path, run: &RunOptions) -> Result<Vec<Output>> {
    if let [file] = plan.files.as_slice()
        && file.part.file.is_none()
    {
        let target = target(path.to_path_buf(), None);
        for place in [&target.path, &target.side] {
            if place.symlink_metadata().is_ok() {
                return Err(there_already(place));
            }
        }
        return write_one(file, &target, run);
    }
    in_new_folder(path, || {
        let mut outputs = Vec::new();
        for file in &plan.files {
            outputs.extend(write_one(file, &target(path.join(file_name(file)), None), run)?);
        }
        let kept: Vec<_> = plan.files.iter().filter_map(|file| file.part.file.clone()).collect();
        if let Some((name, bytes)) = origin.manifest_of(&kept) {
            // Last: without a manifest the folder is nothing to a server.
            outputs.push(output(&mend::write_bytes(&path.join(name), &bytes)?));
        }
        Ok(outputs)
    })
}

fn target(path: PathBuf, owner: Option<Owner>) -> Target {
    let mut side = path.clone().into_os_string();
    side.push(".unplaced");
    Target { path, side: side.into(), owner }
}

fn write_one(plan: &FilePlan, target: &Target, run: &RunOptions) -> Result<Vec<Output>> {
    Ok(mend::write(plan, target, &run.cancel)?.iter().map(output).collect())
}

/// The first file that a manifest lists and that is not there.
fn missing(origin: &Origin) -> Option<String> {
    let Place::Log(set) = &origin.place else { return None };
    set.missing.first().map(|listed| sources::shown(listed.path.as_os_str()))
}

fn output(written: &mend::Written) -> Output {
    Output { path: sources::shown(written.path.as_os_str()), bytes: written.bytes }
}

/// A file that is to be replaced: where its original is kept, and what takes its place.
struct Replacement<'p> {
    plan: &'p FilePlan,
    path: &'p Path,
    aside: PathBuf,
    target: Target,
}

impl<'p> Replacement<'p> {
    /// Refuses what stands in the way, before anything is done.
    fn of(plan: &'p FilePlan, origin: &Origin) -> Result<Self> {
        let refused = |what| Error::new(ErrorKind::Usage { option: "--in-place", what });
        let Place::Path(path) = &plan.part.place else { return Err(refused(format!("{} is no file", origin.name))) };
        if plan.compressed {
            let what = format!("{} is compressed, and what is written is not", path.display());
            return Err(refused(what).with_hint("-o writes it elsewhere"));
        }
        let mut aside = path.clone().into_os_string();
        aside.push(".before-repair");
        let aside = PathBuf::from(aside);
        if aside.symlink_metadata().is_ok() {
            return Err(there_already(&aside).with_hint("it is the original of an earlier repair: move it away"));
        }
        let facts = path.metadata().map_err(|error| kept(path, error))?;
        let owner = Owner { mode: facts.mode() & 0o7777, uid: facts.uid(), gid: facts.gid() };
        let target = target(path.clone(), Some(owner));
        if target.side.symlink_metadata().is_ok() {
            return Err(there_already(&target.side));
        }
        Ok(Self { plan, path, aside, target })
    }

    /// Keeps the original beside it; there is no moment without a file of its name.
    fn carry_out(&self, run: &RunOptions) -> Result<Vec<Output>> {
        fs::hard_link(self.path, &self.aside).map_err(|error| kept(self.path, error))?;
        let outputs = write_one(self.plan, &self.target, run);
        if outputs.is_err() {
            // The file is the original still: a second name of it would stand in the way of the next attempt.
            let _ = fs::remove_file(&self.aside);
        }
        outputs
    }
}

fn kept(path: &Path, error: std::io::Error) -> Error {
    Error::io("keep the original", error).about(path.display().to_string())
}

fn name_of(file: &FilePlan, origin: &Origin) -> String {
    file.part.file.as_deref().unwrap_or(&origin.name).to_owned()
}

/// The name of a file in its folder, as it is there.
fn file_name(file: &FilePlan) -> OsString {
    match &file.part.place {
        Place::Path(path) => path.file_name().unwrap_or_default().to_owned(),
        _ => OsString::from(file.part.file.as_deref().unwrap_or_default()),
    }
}

/// What is written anew counts as it is.
fn bytes_after(file: &FilePlan) -> u64 {
    let gone = file.edits.iter().filter(|edit| edit.with != With::Rewritten);
    let gone = gone.map(|edit| edit.to.saturating_sub(edit.from)).fold(0, u64::saturating_add);
    let texts = file.edits.iter().map(|edit| if let With::Text(text) = &edit.with { text.len() as u64 } else { 0 });
    file.bytes.saturating_sub(gone).saturating_add(texts.sum())
}

/// Makes a folder and what is in it, or nothing at all.
fn in_new_folder(path: &Path, fill: impl FnOnce() -> Result<Vec<Output>>) -> Result<Vec<Output>> {
    if path.symlink_metadata().is_ok() {
        return Err(there_already(path));
    }
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.map_err(|error| Error::io("make the folder", error).about(path.display().to_string()))?;
    let outputs = fill();
    if outputs.is_err() {
        // It is ours: it was not there.
        let _ = fs::remove_dir_all(path);
    }
    outputs
}

fn there_already(path: &Path) -> Error {
    let what = format!("{} is there already", path.display());
    Error::new(ErrorKind::Usage { option: "--output", what }).with_hint("nothing is overwritten: give another name")
}

/// Reads what was written, as a server would.
fn judge(origin: &Origin, run: &RunOptions, ending: &mut Ending) {
    let options = CheckOptions { run: run.clone(), ..CheckOptions::default() };
    match analysis::check(origin, &options).outcome {
        Ok(check) if check.verdict == Verdict::Intact => {}
        Ok(check) => {
            let (what, next) = render::not_intact(check.verdict, &check.integrity);
            ending.damaged(&origin.name, format!("what was written is not whole: {what}"), Some(next));
        }
        Err(error) => ending.unread(&origin.name, &error, false),
    }
}
