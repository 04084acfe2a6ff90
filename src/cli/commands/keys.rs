//! `keys`: one row a key.

use super::streamed::{judge, judge_set, say_hashes};
use crate::cli::args::{Format, KeysArgs};
use crate::cli::exit::Ending;
use crate::cli::sources::{self, Take};
use crate::cli::ui::{Level, Sheet, Ui};
use rediscover::analysis::{self, Keyed, KeysOptions};
use rediscover::base::{Error, Result};
use rediscover::pipeline::Memory;
use rediscover::render::{KeyForm, KeyFormat};
use rediscover::source::Origin;
use std::io::Write;

pub(crate) fn run(args: &KeysArgs, ui: &mut Ui) -> Result<Ending> {
    let form = match ui.format() {
        Format::Csv => KeyForm::Csv,
        Format::Jsonl => KeyForm::Jsonl,
        _ => KeyForm::Text,
    };
    let origins = sources::expand(&args.sources, Take::Loaded, Some((&args.server, &args.resources)), ui)?;
    let place = args.output.output.as_deref();
    sources::refuse_overwriting(place, &origins)?;
    let look = ui.look(place, args.output.tz.as_ref());
    let columns = (!args.columns.is_empty()).then(|| args.columns.clone());
    let names: Vec<_> = origins.iter().map(|origin| origin.name.as_str()).collect();
    let format = KeyFormat::new(form, columns, &names, look);
    let options = KeysOptions {
        run: args.resources.run(&args.hashes, origins.len(), ui.cancel(), ui.progress())?,
        filter: args.filters.filter(),
        as_of: args.filters.as_of,
        memory: args.target.map_or(Memory::OfWriter, Memory::Of),
        columns: format.columns().to_vec(),
        sort: args.sort,
        limit: args.limit,
    };
    let mut sheet = ui.sheet(place)?;
    let keyed = write(&origins, &options, &format, &mut sheet)?;
    let ending = judged(&origins, &keyed, ui);
    ui.finish_sheet(sheet)?;
    Ok(ending)
}

fn write(origins: &[Origin], options: &KeysOptions, format: &KeyFormat, sheet: &mut Sheet) -> Result<Keyed> {
    let cannot = |error| Error::io("write the rows", error);
    sheet.write_all(&format.head()).map_err(cannot)?;
    let mut rows = 0u64;
    let keyed = analysis::keys(origins, options, &|row, out| format.row(row, out), &mut |bytes, count| {
        rows = rows.saturating_add(count);
        sheet.write_all(bytes).map_err(cannot)?;
        Ok(!sheet.is_closed())
    })?;
    sheet.write_all(&format.foot(rows, keyed.stopped)).map_err(cannot)?;
    Ok(keyed)
}

/// How the command ends, and what stderr has to say of the sources.
fn judged(origins: &[Origin], keyed: &Keyed, ui: &mut Ui) -> Ending {
    let mut ending = Ending::default();
    let others_worked = keyed.sources.iter().any(|source| source.outcome.is_ok());
    for source in &keyed.sources {
        let name = &source.facts.source;
        match &source.outcome {
            Ok(files) => {
                say_hashes(&source.facts, ui);
                judge(name, files, &mut ending);
            }
            Err(error) => {
                ui.unread(error);
                ending.unread(name, error, others_worked);
            }
        }
        if source.changes > 0 {
            let text = format!(
                "{name}: {} commands of its log change keys and are not replayed: the rows are the keys before them",
                source.changes
            );
            ui.say(Level::Warning, &text, Some("'rediscover timeline' shows what the log says"));
        }
    }
    for origin in origins {
        judge_set(origin, &mut ending);
    }
    ending
}
