//! `restore SOURCE --to-server URL`: keys into a running server, one by one.

use crate::cli::args::{HashArgs, RestoreArgs, SourceArgs};
use crate::cli::exit::{Code, Ending, Reason};
use crate::cli::sources::{self, Take};
use crate::cli::ui::{Ui, now};
use rediscover::analysis::{self, CheckOptions};
use rediscover::backup::{self, Clash, LoadOptions};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::pipeline::{Filter, RunOptions};
use rediscover::render;
use rediscover::report::{LoadReport, Verdict};
use rediscover::wire::{Address, Route};
use std::os::unix::ffi::OsStrExt;

pub(crate) fn run(args: &RestoreArgs, sources: &SourceArgs, url: &str, ui: &mut Ui) -> Result<Ending> {
    let address = Address::parse(url, "--to-server")?;
    let origins = sources::expand(sources, Take::Loaded, Some((&args.server, &args.resources)), ui)?;
    let cluster = matches!(address.route, Route::Cluster(_));
    let run = args.resources.run(&HashArgs::none(), 1, ui.cancel(), ui.progress())?;
    let connect = args.server.login.options(ui.cancel())?;
    let mut report = LoadReport {
        schema: "rediscover/restore-to-server/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: Ending::default().report(),
        target: address.to_string(),
        keys: 0,
        bytes: 0,
        skipped: 0,
        expired: 0,
        functions: 0,
        failed: 0,
        failures: Vec::new(),
    };
    origins.iter().try_for_each(|origin| whole(origin, &run))?;
    for (index, origin) in origins.iter().enumerate() {
        let clash = match (args.replace, args.skip_existing) {
            (true, _) => Clash::Replace,
            // Shards after the first find the keys of those before them.
            (_, true) => Clash::Skip,
            _ if index > 0 => Clash::Skip,
            _ => Clash::Refuse,
        };
        let options = LoadOptions {
            connect: connect.clone(),
            clash,
            filter: Filter {
                globs: args.globs.iter().map(|glob| glob.as_bytes().to_vec()).collect(),
                ..Filter::default()
            },
            rate_bytes: args.rate,
            run: run.clone(),
            clock: &now,
        };
        let loaded = backup::load(origin, &address, cluster, &options)?;
        report.keys += loaded.keys;
        report.bytes += loaded.bytes;
        report.skipped += loaded.skipped;
        report.expired += loaded.expired;
        report.functions += loaded.functions;
        report.failed += loaded.failed;
        report.failures.extend(loaded.failures);
    }
    let mut ending = Ending::default();
    if report.failed > 0 {
        ending.reasons.push(Reason {
            code: Code::Partial,
            source: Some(report.target.clone()),
            problem: format!("{} keys were refused", report.failed),
            next: report.failures.first().cloned(),
            said: false,
        });
    }
    report.exit = ending.report();
    report.provenance = ui.provenance(Vec::new());
    super::deliver(&report, None, ui, render::text::load)?;
    Ok(ending)
}

/// Nothing is sent of a source that is not whole: half a keyspace is worse than none.
fn whole(origin: &rediscover::source::Origin, run: &RunOptions) -> Result<()> {
    if !origin.place.can_be_read_again() {
        let what = "is read twice here, and can be read only once".to_owned();
        return Err(Error::new(ErrorKind::Refused { what }).about(&origin.name).with_hint("save it to a file first"));
    }
    let checked = analysis::check(origin, &CheckOptions { run: run.clone(), ..CheckOptions::default() });
    let check = checked.outcome?;
    if check.verdict == Verdict::Intact {
        return Ok(());
    }
    let what = "is not whole: nothing was sent".to_owned();
    Err(Error::new(ErrorKind::Damaged { what })
        .about(&origin.name)
        .with_hint("'rediscover check' says what is wrong with it"))
}
