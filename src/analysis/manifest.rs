//! What is wrong with the parts of a log, apart from what stands in them: its manifest, files that are missing, files that
//! are left over.

use super::integrity::Examined;
use crate::report::{Problem, Severity, Verdict, escape};
use crate::source::{AofSet, Listed};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Adds the problems of a set before those of its files.
pub(super) fn add_problems(examined: &mut Examined, set: &AofSet) {
    let mut problems = of(set);
    for problem in &problems {
        let count = examined.integrity.problem_counts.entry(problem.kind.clone()).or_default();
        *count = count.saturating_add(1);
    }
    if problems.iter().any(|problem| problem.severity == Severity::Error)
        && matches!(examined.verdict, Some(Verdict::Intact | Verdict::Truncated) | None)
    {
        examined.verdict = Some(Verdict::Damaged);
    }
    problems.append(&mut examined.integrity.problems);
    examined.integrity.problems = problems;
}

fn of(set: &AofSet) -> Vec<Problem> {
    let manifest = set.manifest_path.as_deref().map(shown);
    let problem = |severity, kind: &str, file: Option<String>, message: String| Problem {
        severity,
        file,
        offset: 0,
        line: None,
        db: None,
        key: None,
        kind: kind.to_owned(),
        doing: "read-manifest".to_owned(),
        expected: None,
        found: None,
        message,
    };
    let mut problems = Vec::new();
    for flaw in &set.flaws {
        let severity = if flaw.fatal() { Severity::Error } else { Severity::Warning };
        problems.push(Problem {
            offset: flaw.flaw.at(),
            line: (flaw.line > 0).then_some(flaw.line),
            expected: Some(flaw.flaw.expected().to_owned()),
            found: Some(flaw.flaw.found().to_owned()),
            ..problem(severity, flaw.flaw.kind().0, manifest.clone(), flaw.flaw.to_string())
        });
    }
    for Listed { path, .. } in &set.missing {
        let what = "the manifest lists it, and it is not there: no server starts".to_owned();
        problems.push(problem(Severity::Error, "missing-file", Some(shown(path)), what));
    }
    let left: [(&str, Severity, &str, Vec<&Path>); 4] = [
        ("orphan-file", Severity::Warning, "the manifest does not list it: no server reads it", paths(&set.orphans)),
        ("temporary-file", Severity::Note, "an unfinished rewrite has left it", paths(&set.temps)),
        (
            "other-manifest",
            Severity::Warning,
            "another manifest: a server reads one of them",
            paths(&set.other_manifests),
        ),
        (
            "history-file",
            Severity::Note,
            "a newer base has replaced it: a server deletes it at its next start",
            set.history.iter().map(|listed| listed.path.as_path()).collect(),
        ),
    ];
    for (kind, severity, what, paths) in left {
        problems.extend(paths.into_iter().map(|path| problem(severity, kind, Some(shown(path)), what.to_owned())));
    }
    problems
}

fn paths(all: &[std::path::PathBuf]) -> Vec<&Path> {
    all.iter().map(std::path::PathBuf::as_path).collect()
}

fn shown(path: &Path) -> String {
    escape(path.file_name().unwrap_or_default().as_bytes())
}
