//! What an advice is about: one source, or shards of one keyspace; and how commands name it.

use crate::report::{Analysis, AnalyzeReport, KeyName, argument, printable};

/// Characters of a name in a sentence, at most.
const NAME_CHARS: usize = 60;

/// One keyspace.
pub(super) struct Scope<'r> {
    pub(super) analysis: &'r Analysis,
    /// When its snapshot was taken, where that is known and there is one snapshot.
    pub(super) created_at: Option<&'r str>,
    /// The sources as arguments; none where a plan would name other keys than the report counted: a filter is set, commands of
    /// a log were counted as keys, or the command line does not say how to name the source.
    sources: Option<String>,
    /// `--target` of the command line.
    target: Option<&'r str>,
    /// What sentences begin with, if there are several.
    label: String,
}

impl<'r> Scope<'r> {
    /// The keyspaces of a report.
    pub(super) fn all(report: &'r AnalyzeReport) -> Vec<Self> {
        if report.merged || report.sources.is_empty() {
            let names: Vec<_> = report.integrity.iter().map(|source| source.source.as_str()).collect();
            return vec![Self::new(report, &report.total, &names, String::new())];
        }
        let one = |source: &'r crate::report::SourceAnalysis| {
            let label = format!("{}: ", printable(&source.source));
            Self::new(report, &source.analysis, &[&source.source], label)
        };
        report.sources.iter().map(one).collect()
    }

    fn new(report: &'r AnalyzeReport, analysis: &'r Analysis, names: &[&str], label: String) -> Self {
        let own = || report.integrity.iter().filter(|source| names.contains(&source.source.as_str()));
        let decoding = &analysis.decoding;
        let whole = decoding.keys_seen == decoding.keys_selected && own().all(|source| source.log.is_none());
        let arguments = &report.provenance.arguments;
        let shards = if report.merged { " --merge" } else { "" };
        let sources: Option<Vec<_>> = names.iter().map(|name| as_typed(name, arguments)).collect();
        let created_at = match names {
            [_] => own().next().and_then(|source| source.created_at.as_deref()),
            _ => None,
        };
        Self {
            analysis,
            created_at,
            sources: sources.filter(|_| whole).map(|sources| format!("{}{shards}", sources.join(" "))),
            target: target(arguments),
            label,
        }
    }

    /// A sentence about this keyspace.
    pub(super) fn sentence(&self, text: &str) -> String {
        format!("{}{text}", self.label)
    }

    /// All memory of the keyspace.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        let keyspace = &self.analysis.keyspace;
        let keys = keyspace.memory_bytes?;
        // What MEMORY USAGE overstates must not make a share of more than the whole.
        Some(keyspace.used_memory_bytes.unwrap_or_default().max(keys))
    }

    /// The command that writes a plan for the keys of these filters.
    pub(super) fn plan(&self, filters: &str, action: &str) -> Option<String> {
        let target = self.target.map(|target| format!(" --target {}", argument(target))).unwrap_or_default();
        let sources = self.sources.as_ref()?;
        Some(format!("rediscover analyze {sources}{target} {filters} --plan-script {action} -o plan.sh"))
    }
}

/// The value of `--target`.
fn target(arguments: &[String]) -> Option<&str> {
    let at = arguments.iter().position(|word| word == "--target" || word.starts_with("--target="))?;
    match arguments.get(at)?.split_once('=') {
        Some((_, value)) => Some(value),
        None => arguments.get(at.checked_add(1)?).map(String::as_str),
    }
}

/// The SOURCE of this name as it can be typed: the path that is its name, or `name=SOURCE` as it was given.
fn as_typed(name: &str, arguments: &[String]) -> Option<String> {
    let named = |word: &&String| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
    // What comes of a folder or a glob that has a name is called name/file, which is no path.
    let in_named = |word: &&String| {
        word.split_once('=').is_some_and(|(own, _)| name.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')))
    };
    if name == "-" || arguments.iter().any(|word| in_named(&word)) {
        return None;
    }
    let typed = arguments.iter().find(named).map_or(name, String::as_str);
    Some(argument(typed)).filter(|typed| typed != "FILE" || name == "FILE")
}

/// A name in a sentence.
pub(super) fn shown(name: &KeyName) -> String {
    let text = name.escaped();
    match text.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// A name as an argument of a command; none where a shell cannot be given exactly its bytes in plain sight.
pub(super) fn typed(name: &KeyName) -> Option<String> {
    let text = std::str::from_utf8(name.head()).ok().filter(|text| name.is_whole() && text.len() <= 256)?;
    Some(argument(text)).filter(|typed| typed != "FILE" || text == "FILE")
}
