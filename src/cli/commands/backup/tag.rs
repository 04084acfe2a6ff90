//! `backup tag`: what is said of a backup stands beside it, signed; the manifest never changes.

use super::deliver;
use crate::cli::args::TagArgs;
use crate::cli::exit::Ending;
use crate::cli::repositories;
use crate::cli::ui::{Ui, now};
use rediscover::backup;
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::render;
use rediscover::report::BackupListReport;
use rediscover::repository::{BackupName, Said};

pub(crate) fn run(args: &TagArgs, ui: &mut Ui) -> Result<Ending> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for tag in &args.tags {
        let (list, word) = match (tag.strip_prefix('+'), tag.strip_prefix('-')) {
            (Some(word), _) => (&mut add, word),
            (_, Some(word)) => (&mut remove, word),
            _ => (&mut add, ""),
        };
        if word.is_empty() || word.len() > 128 || word.chars().any(|c| c.is_control() || c == ',') {
            let what = format!("`{}`: expected +TAG or -TAG", tag.escape_default());
            return Err(Error::new(ErrorKind::Usage { option: "TAG", what }));
        }
        list.push(word.to_owned());
    }
    if add.is_empty() && remove.is_empty() && !args.pin && !args.unpin {
        let what = "expected +TAG, -TAG, --pin or --unpin".to_owned();
        return Err(Error::new(ErrorKind::Usage { option: "TAG", what }));
    }
    let mut kept = repositories::open(&args.repo)?;
    let which = &args.which;
    let found = backup::resolve(&kept.repository, &args.name, which.instance.as_deref(), which.before, &kept.trusted)?;
    let signer = repositories::signer(&mut kept, ui)?;
    let say = |said: Said| kept.repository.note(&found, now(), repositories::salt(), said, Some(&signer));
    if !add.is_empty() || !remove.is_empty() {
        say(Said::Tagged { add, remove })?;
    }
    if args.pin || args.unpin {
        say(if args.pin { Said::Pinned } else { Said::Unpinned })?;
    }
    let name = BackupName::parse(&found.manifest.name).unwrap_or(found.name);
    let found = kept.repository.read(&name, &kept.trusted)?;
    let ending = Ending::default();
    let report = BackupListReport {
        schema: "rediscover/backup-tag/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        repository: kept.repository.location(),
        backups: vec![backup::row(&found)],
        unreadable: Vec::new(),
        remnants: 0,
        remnant_bytes: 0,
    };
    deliver(&report, &args.output, ui, render::text::backup_list)?;
    Ok(ending)
}
