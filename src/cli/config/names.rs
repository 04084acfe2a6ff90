//! `@NAME`, `@all` and `@tag:TAG` of arguments: instances of the configuration.

use super::{Config, Instance, read};
use rediscover::base::{Error, ErrorKind, Result};
use std::collections::BTreeSet;

impl Config {
    /// The instances that arguments mean, each once, sorted. Those that are written wrongly are among them: whoever acts on them
    /// looks into [`Config::broken`].
    pub(crate) fn resolve_names(&self, arguments: &[String]) -> Result<BTreeSet<String>> {
        let known = self.all_names();
        let mut meant = BTreeSet::new();
        for argument in arguments {
            let Some(name) = argument.strip_prefix('@') else {
                let what = format!("`{}`: expected @NAME, @all or @tag:TAG", argument.escape_default());
                return Err(usage(what));
            };
            if name == "all" {
                meant.extend(known.iter().cloned());
            } else if let Some(tag) = name.strip_prefix("tag:") {
                let has = |instance: &&Instance| instance.tags.iter().any(|own| own == tag);
                let tagged: Vec<_> = self.instances.values().filter(has).map(|one| one.name.clone()).collect();
                if tagged.is_empty() {
                    return Err(usage(format!("no instance has the tag `{}`", tag.escape_default())));
                }
                meant.extend(tagged);
            } else if known.contains(name) {
                meant.insert(name.to_owned());
            } else {
                let known: Vec<String> = known.into_iter().collect();
                let file = super::shown(self.file.as_os_str());
                return Err(usage(read::unknown(name, &known, &format!("{file}: instances"))));
            }
        }
        Ok(meant)
    }
}

fn usage(what: String) -> Error {
    Error::new(ErrorKind::Usage { option: "@NAME", what })
}
