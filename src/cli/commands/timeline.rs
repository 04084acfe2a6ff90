//! `timeline`: what was done, and when?

use super::streamed::{fatal, judge, judge_set, say_hashes};
use crate::cli::args::{Format, HashName, TimelineArgs, Unit};
use crate::cli::exit::Ending;
use crate::cli::sources::{self, Take};
use crate::cli::ui::{Level, Sheet, Ui};
use rediscover::analysis::{Bucket, Timeline, TimelineOptions};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::render::{TimelineForm, TimelineWriter};
use rediscover::report::TimelineLine;
use rediscover::source::Origin;
use std::os::unix::ffi::OsStrExt;

pub(crate) fn run(args: &TimelineArgs, ui: &mut Ui) -> Result<Ending> {
    let form = match ui.format() {
        Format::Jsonl => TimelineForm::Jsonl,
        Format::Csv => TimelineForm::Csv,
        Format::Html => TimelineForm::Html,
        Format::Timesketch if args.by.is_some() => {
            return Err(usage("--by", "has no Timesketch form: it imports single events".into()));
        }
        Format::Timesketch => TimelineForm::Timesketch,
        _ => TimelineForm::Text,
    };
    if let (Some(since), Some(until)) = (args.since, args.until)
        && since > until
    {
        return Err(usage("--since", format!("{since} is after --until {until}")));
    }
    let origins = sources::expand(&args.sources, Take::All, Some((&args.server, &args.resources)), ui)?;
    let logs: Vec<_> = args.log.iter().map(|path| sources::log(path)).collect();
    let place = args.output.output.as_deref();
    sources::refuse_overwriting(place, &origins)?;
    sources::refuse_overwriting(place, &logs)?;
    let mut run = args.resources.run(&args.hashes, origins.len(), ui.cancel(), ui.progress())?;
    // Evidence is hashed unless another hash is asked for.
    run.hashes.sha256 |= args.hashes.hash.is_empty() || args.hashes.hash.contains(&HashName::Sha256);
    let options = TimelineOptions {
        run,
        filter: args.filters.filter(),
        as_of: args.filters.as_of,
        key: args.key.as_ref().map(|key| key.as_bytes().to_vec()),
        commands: args.command.iter().map(|name| name.trim().to_lowercase().replace(' ', "|")).collect(),
        since: args.since,
        until: args.until,
        only_deleted: args.only_deleted,
        by: args.by.map(|unit| match unit {
            Unit::Second => Bucket::Second,
            Unit::Minute => Bucket::Minute,
        }),
        limit: args.limit,
    };

    let look = ui.look(place, args.output.tz.as_ref());
    let mut writer = TimelineWriter::new(form, look, args.by.is_some());
    let mut sheet = ui.sheet(place)?;
    writer.begin(&mut sheet).map_err(cannot_write)?;
    let ending = read(args, (&origins, &logs), options, (&mut writer, &mut sheet), ui)?;
    writer.end(&mut sheet).map_err(cannot_write)?;
    ui.finish_sheet(sheet)?;
    if writer.untimed() > 0 {
        let text = format!("left out {} rows of whose time nothing is known", writer.untimed());
        ui.say(Level::Warning, &text, Some("the other forms have them"));
    }
    Ok(ending)
}

fn read(
    args: &TimelineArgs,
    (origins, logs): (&[Origin], &[Origin]),
    options: TimelineOptions,
    (writer, sheet): (&mut TimelineWriter, &mut Sheet),
    ui: &mut Ui,
) -> Result<Ending> {
    let mut deliver = |line: &TimelineLine| {
        writer.line(line, sheet).map_err(cannot_write)?;
        Ok(!sheet.is_closed())
    };
    let mut timeline = Timeline::new(options, &mut deliver);
    let mut failures = Vec::new();
    let mut ends = Vec::new();
    for origin in origins {
        if timeline.stopped() {
            break;
        }
        let timelined = timeline.source(origin);
        match timelined.outcome {
            Ok(files) => {
                say_hashes(&timelined.facts, ui);
                ends.push((origin.name.clone(), files));
            }
            Err(error) if fatal(&error) => return Err(error),
            Err(error) => {
                let error = error.about(&origin.name);
                ui.unread(&error);
                failures.push((origin.name.clone(), error));
            }
        }
    }
    let mut read = ends.len();
    for log in logs {
        match timeline.server_log(log, args.log_tz.as_ref()) {
            Ok(()) => read += 1,
            Err(error) if fatal(&error) => return Err(error),
            Err(error) => {
                ui.unread(&error);
                failures.push((log.name.clone(), error));
            }
        }
    }
    timeline.finish()?;
    let mut ending = Ending::default();
    for (name, error) in &failures {
        ending.unread(name, error, read > 0);
    }
    for origin in origins {
        judge_set(origin, &mut ending);
    }
    for (name, files) in &ends {
        judge(name, files, &mut ending);
    }
    Ok(ending)
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::io("write the timeline", error)
}

fn usage(option: &'static str, what: String) -> Error {
    Error::new(ErrorKind::Usage { option, what })
}
