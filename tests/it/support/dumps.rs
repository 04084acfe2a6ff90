//! Where the dumps are, and what the library and the program say of one.

use rediscover::analysis::{AnalyzeOptions, CheckOptions, analyze, check};
use rediscover::base::Limits;
use rediscover::pipeline::RunOptions;
use rediscover::report::{AnalyzeReport, Exit, Provenance, SourceCheck};
use rediscover::source::{Origin, Place};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// A dump of the fixtures or of the corpus.
#[derive(Debug, Clone)]
pub(crate) struct Dump {
    /// Its path under `fixtures/` or the corpus folder.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Dump {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// Every file under `root` whose name ends so, by name.
pub(crate) fn under(root: &Path, ending: &str) -> Vec<Dump> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let name = path.strip_prefix(root).expect("under its root").to_string_lossy().into_owned();
                found.push(Dump { name, path });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The sound dumps of real servers.
pub(crate) fn fixtures() -> Vec<Dump> {
    let found = under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rdb"), ".rdb");
    assert!(found.len() > 50, "fixtures are missing");
    found
}

/// The folder of other people's dumps: `REDISCOVER_CORPUS`, or `shared/corpus` beside the source tree. `None` after a notice.
#[expect(clippy::print_stderr, reason = "a skip has to be seen")]
pub(crate) fn corpus_root() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let root = env::var_os("REDISCOVER_CORPUS").map_or_else(beside, PathBuf::from);
    if root.join("MANIFEST.tsv").is_file() {
        return Some(root);
    }
    eprintln!("SKIPPED: no corpus in {}; REDISCOVER_CORPUS says where it is", root.display());
    None
}

/// Fixtures, and the corpus where it is.
pub(crate) fn all() -> Vec<Dump> {
    let mut found = fixtures();
    if let Some(root) = corpus_root() {
        found.extend(under(&root, ".rdb"));
    }
    found
}

/// How a run may differ without its result being different.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) threads: usize,
    pub(crate) batch_bytes: usize,
}

impl Default for How {
    fn default() -> Self {
        Self { threads: 1, batch_bytes: Limits::default().batch_bytes }
    }
}

impl How {
    pub(crate) fn options(self) -> RunOptions {
        let limits = Limits { batch_bytes: self.batch_bytes, ..Limits::default() };
        RunOptions { threads: self.threads, limits, scratch: env::temp_dir(), ..RunOptions::default() }
    }
}

pub(crate) fn origin(bytes: Vec<u8>) -> Origin {
    Origin::new("dump", Place::Bytes(bytes))
}

pub(crate) fn file(path: &Path) -> Origin {
    Origin::new("dump", Place::Path(path.into()))
}

/// What `check` says of bytes.
pub(crate) fn check_bytes(bytes: &[u8], how: How) -> SourceCheck {
    let options = CheckOptions { run: how.options(), ..CheckOptions::default() };
    check(&origin(bytes.to_vec()), &options).outcome.expect("bytes can be read")
}

pub(crate) fn check_json(origin: &Origin, how: How) -> Value {
    let checked = check(origin, &CheckOptions { run: how.options(), duplicates: true, ..CheckOptions::default() });
    without_place(serde_json::to_value(checked.outcome.expect("it can be read")).expect("JSON"))
}

pub(crate) fn analyze_json(origin: &Origin, how: How) -> Value {
    analyze_with(origin, &AnalyzeOptions { run: how.options(), ..AnalyzeOptions::default() })
}

pub(crate) fn analyze_with(origin: &Origin, options: &AnalyzeOptions) -> Value {
    let analyzed = analyze(std::slice::from_ref(origin), options).expect("it runs");
    assert!(analyzed.failures.is_empty(), "{:?}", analyzed.failures);
    let nobody = Provenance {
        tool: String::new(),
        version: String::new(),
        arguments: Vec::new(),
        started: String::new(),
        ended: String::new(),
        sources: Vec::new(),
    };
    let report = AnalyzeReport {
        schema: String::new(),
        provenance: nobody,
        exit: Exit::default(),
        total: analyzed.total,
        sources: analyzed.sources,
        integrity: analyzed.integrity,
        merged: options.merge,
        advice: Vec::new(),
        plan: None,
        findings: None,
        scan: None,
    };
    without_place(serde_json::to_value(report).expect("JSON"))
}

/// A report without what differs between two ways to read the same bytes.
pub(crate) fn without_place(mut report: Value) -> Value {
    match &mut report {
        Value::Object(fields) => {
            fields.remove("provenance");
            fields.remove("source");
            fields.values_mut().for_each(|value| *value = without_place(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| *value = without_place(value.take())),
        _ => {}
    }
    report
}

/// The program, as `REDISCOVER_BIN` or the build has it.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let program = env::var_os("REDISCOVER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_rediscover").into());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
