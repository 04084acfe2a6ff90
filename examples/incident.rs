//! Writes the keyspaces of incidents and of an ordinary day, with the truth about them, and measures what a scan says of them.
//!
//! ```text
//! incident write DIR [--seed N]             commands for servers, files that no server writes, truth.jsonl
//! incident write DIR --holdout | --unseen   the same of a blind set, which was written without the rules
//! incident measure TRUTH.jsonl CASE=FORM=FINDINGS.json...   recall and precision of reports of `scan --format json`
//! ```
//! `scripts/make-incident` calls it and has real servers make their files.

#![allow(clippy::print_stdout, reason = "an example prints")]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/support/incident/mod.rs"]
mod incident;
#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/support/rdb.rs"]
mod rdb;

use incident::files::Role;
use incident::measure::{Heard, measure};
use incident::planter::BlindSet;
use incident::truth::{Truth, read};
use incident::{SEED, cases, clean, files, holdout, unseen};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", dir] => write(Path::new(dir), SEED),
        ["write", dir, "--holdout"] => write_blind(Path::new(dir), &holdout::SET),
        ["write", dir, "--unseen"] => write_blind(Path::new(dir), &unseen::SET),
        ["write", dir, "--seed", seed] => write(Path::new(dir), seed.parse()?),
        ["measure", truth, ..] if arguments.len() > 2 => tell(Path::new(truth), &arguments[2..]),
        _ => Err("incident write DIR [--seed N | --holdout | --unseen] | incident measure TRUTH.jsonl CASE=FORM=FINDINGS.json..."
            .into()),
    }
}

fn write(dir: &Path, seed: u64) -> Result<(), Box<dyn Error>> {
    let mut truth = Vec::new();
    fs::create_dir_all(dir.join("commands"))?;
    let mut keyspaces: Vec<_> = cases::CASES.iter().map(|case| cases::incident(case, seed)).collect();
    keyspaces.push(cases::mutated(seed));
    keyspaces.push(clean::clean(clean::KEYS, seed, false));
    for space in keyspaces {
        fs::write(dir.join("commands").join(format!("{}.resp", space.case)), space.resp())?;
        truth.extend(space.truth);
    }
    for made in files::made(seed) {
        let folder = if made.role == Role::Capture { "captures" } else { "files" };
        for (path, bytes) in &made.files {
            let path = dir.join(folder).join(made.case).join(path);
            fs::create_dir_all(path.parent().ok_or("a path without a folder")?)?;
            fs::write(path, bytes)?;
        }
        truth.extend(made.truth);
    }
    finish(dir, &truth)
}

fn write_blind(dir: &Path, set: &BlindSet) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir.join("commands"))?;
    let space = set.keyspace();
    fs::write(dir.join("commands").join(format!("{}.resp", space.case)), space.resp())?;
    let mut truth = space.truth;
    for hand in set.by_hand() {
        let folder = dir.join("files").join(&hand.case);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(hand.name), &hand.bytes)?;
        truth.extend(hand.truth);
    }
    finish(dir, &truth)
}

fn finish(dir: &Path, truth: &[Truth]) -> Result<(), Box<dyn Error>> {
    let mut out = fs::File::create(dir.join("truth.jsonl"))?;
    for line in truth {
        writeln!(out, "{}", line.line())?;
    }
    println!("{}", incident::measure::planted(truth));
    Ok(())
}

fn tell(truth: &Path, reports: &[String]) -> Result<(), Box<dyn Error>> {
    let truth: Vec<Truth> = fs::read_to_string(truth)?.lines().map(read).collect::<Result<_, _>>()?;
    let mut heard = Vec::new();
    for report in reports {
        let (case, rest) = report.split_once('=').ok_or("a report is CASE=FORM=FILE")?;
        let (form, file) = rest.split_once('=').ok_or("a report is CASE=FORM=FILE")?;
        let form = if form == "aof" { "aof" } else { "rdb" };
        let document: Value = serde_json::from_slice(&fs::read(file)?)?;
        let findings = document["findings"].as_array().cloned().ok_or("the report has no findings")?;
        heard.push(Heard { case: case.to_owned(), form, findings });
    }
    println!("{}", measure(&truth, &heard).table(&truth));
    Ok(())
}
