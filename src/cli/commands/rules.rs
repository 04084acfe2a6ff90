//! `rules`: list, show, test.

use crate::cli::args::{
    Format, OutputArgs, RuleArgs, RulesCommand, RulesFormat, RulesListArgs, RulesShowArgs, RulesTestArgs,
};
use crate::cli::exit::{Code, Ending};
use crate::cli::ui::{Level, Ui};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::report::{Where, escape};
#[cfg(feature = "yara")]
use rediscover::rules::Yara;
use rediscover::rules::{
    About, Candidates, Example, Hit, Iocs, LONGEST, Piece, Rule, RuleSet, Scanner, gitleaks, try_examples,
};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(command: &RulesCommand, ui: &mut Ui) -> Result<Ending> {
    match command {
        RulesCommand::List(args) => list(args, ui),
        RulesCommand::Show(args) => show(args, ui),
        RulesCommand::Test(args) => test(args, ui),
    }
}

/// The rules that are asked for.
pub(super) fn load(args: &RuleArgs, ui: &mut Ui) -> Result<RuleSet> {
    let mut set = if args.no_builtin { RuleSet::default() } else { RuleSet::builtin()? };
    for path in &args.rules {
        set.add_path(path)?;
    }
    for path in &args.gitleaks {
        let (rules, unusable) = gitleaks::read(path)?;
        for one in unusable {
            let place = format!("{}:{}", path.display(), one.line);
            ui.say(Level::Warning, &format!("{place}: rule {} is left out: {}", one.id, one.reason), None);
        }
        set.add(rules, path)?;
    }
    if !args.iocs.is_empty() {
        set.add_extra(Arc::new(Iocs::from_files(&args.iocs)?));
    }
    #[cfg(feature = "yara")]
    if !args.yara.is_empty() {
        set.add_extra(Arc::new(Yara::from_files(&args.yara)?));
    }
    Ok(set)
}

fn list(args: &RulesListArgs, ui: &mut Ui) -> Result<Ending> {
    let set = load(&args.rules, ui)?;
    let text = || {
        let row = |rule: &Rule| {
            let candidates = match &rule.candidates {
                Candidates::None => if rule.check.is_some() { "check" } else { "-" }.to_owned(),
                Candidates::Literals(list) => format!("{} literals", list.len()),
                Candidates::Start(list) => format!("{} beginnings", list.len()),
                Candidates::Class(class) => class.name().to_owned(),
            };
            let words = [
                rule.id.as_str(),
                &rule.version.to_string(),
                rule.severity.name(),
                rule.category.name(),
                &rule.scope.names().join(","),
                &candidates,
                &longest(rule),
                &rule.title,
            ];
            words.map(safe)
        };
        let titles = ["id", "version", "severity", "category", "scope", "candidates by", "longest", "title"];
        let rows: Vec<_> = std::iter::once(titles.map(str::to_owned)).chain(set.rules().iter().map(row)).collect();
        aligned(&rows)
    };
    let facts =
        || json!({ "schema": "rediscover/rules-list/v1", "rules": set.rules().iter().map(short).collect::<Vec<_>>() });
    deliver(&args.output, ui, text, facts)?;
    Ok(Ending::default())
}

fn show(args: &RulesShowArgs, ui: &mut Ui) -> Result<Ending> {
    let set = load(&args.rules, ui)?;
    let Some(rule) = set.get(&args.id) else {
        return Err(Error::new(ErrorKind::Usage { option: "ID", what: format!("there is no rule {:?}", args.id) })
            .with_hint("'rediscover rules list' names them"));
    };
    let facts = || {
        let mut facts = full(rule);
        facts["schema"] = "rediscover/rules-show/v1".into();
        facts
    };
    deliver(&args.output, ui, || shown(rule), facts)?;
    Ok(Ending::default())
}

fn deliver(
    output: &OutputArgs<RulesFormat>,
    ui: &mut Ui,
    text: impl Fn() -> String,
    facts: impl Fn() -> Value,
) -> Result<()> {
    let document = if ui.format() == Format::Json { format!("{:#}\n", facts()) } else { text() };
    ui.deliver(output.output.as_deref(), document.as_bytes())
}

/// What a rule file says, for a terminal: patterns stay as they were written.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            _ => out.push_str(&escape(c.encode_utf8(&mut [0; 4]).as_bytes())),
        }
    }
    out
}

fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn longest(rule: &Rule) -> String {
    match &rule.pattern {
        None => "-".into(),
        Some(_) if rule.capped => format!("capped at {} KiB", LONGEST >> 10),
        Some(_) => rule.longest.to_string(),
    }
}

fn candidates(rule: &Rule) -> (&'static str, Vec<String>) {
    match &rule.candidates {
        Candidates::None => ("none", Vec::new()),
        Candidates::Literals(list) => ("literals", list.iter().map(|literal| escape(&literal.bytes)).collect()),
        Candidates::Start(list) => ("beginnings", list.iter().map(|literal| escape(&literal.bytes)).collect()),
        Candidates::Class(class) => ("class", vec![class.name().to_owned()]),
    }
}

/// A rule in a list.
fn short(rule: &Rule) -> Value {
    let (by, of) = candidates(rule);
    json!({
        "id": rule.id, "version": rule.version, "title": rule.title, "severity": rule.severity.name(),
        "confidence": rule.confidence.name(), "category": rule.category.name(), "scope": rule.scope.names(),
        "candidates": { "by": by, "of": of }, "check": rule.check,
        "longest_bytes": rule.pattern.as_ref().map(|_| rule.longest), "capped": rule.capped && rule.pattern.is_some(),
        "file": rule.file, "line": rule.line,
    })
}

/// All of a rule.
fn full(rule: &Rule) -> Value {
    let texts =
        |list: &[regex::bytes::Regex]| list.iter().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>();
    let text = |pattern: &Option<regex::bytes::Regex>| pattern.as_ref().map(|pattern| pattern.as_str().to_owned());
    let examples = |list: &[Example]| list.iter().map(|example| escape(&example.text)).collect::<Vec<_>>();
    let mut facts = short(rule);
    let more = json!({
        "story": rule.story, "attack": rule.attack, "types": rule.types.iter().map(|ty| ty.name()).collect::<Vec<_>>(),
        "regex": text(&rule.pattern), "also": texts(&rule.also), "within": rule.within,
        "unless": texts(&rule.unless), "unless_match": texts(&rule.unless_match), "unless_secret": texts(&rule.unless_secret),
        "key": text(&rule.key), "field": text(&rule.field), "min_bytes": rule.min_bytes, "max_bytes": rule.max_bytes,
        "hint": text(&rule.hint), "without_hint": rule.without_hint.map(rediscover::report::Threat::name),
        "validators": rule.validators.iter().map(|validator| format!("{validator:?}")).collect::<Vec<_>>(),
        "decode": rule.decode, "guessable": rule.guessable, "info_for_keys": texts(&rule.info_for_keys),
        "raises": rule.raises, "single_signal": rule.single_signal, "uncapped": rule.uncapped,
        "why": rule.why, "advice": rule.advice, "references": rule.references,
        "examples": examples(&rule.examples), "counter_examples": examples(&rule.counter_examples),
    });
    if let (Value::Object(facts), Value::Object(more)) = (&mut facts, more) {
        facts.extend(more);
    }
    facts
}

fn shown(rule: &Rule) -> String {
    let facts = full(rule);
    let mut out = format!("{} (version {}): {}\n\n", safe(&rule.id), rule.version, safe(&rule.title));
    let mut line = |name: &str, text: &str| {
        if !text.is_empty() {
            out.push_str(&format!("{name:<14} {}\n", safe(text)));
        }
    };
    line("severity", &format!("{}, confidence {}", rule.severity.name(), rule.confidence.name()));
    line("category", rule.category.name());
    line("story", &rule.story);
    line("attack", &rule.attack.join(", "));
    line("scope", &rule.scope.names().join(", "));
    let (by, of) = candidates(rule);
    line("candidates by", &format!("{by}: {}", of.join("  ")));
    line("longest match", &longest(rule));
    let names = [
        "check",
        "types",
        "regex",
        "also",
        "within",
        "unless",
        "unless_match",
        "unless_secret",
        "key",
        "field",
        "min_bytes",
        "max_bytes",
        "hint",
        "without_hint",
        "validators",
        "raises",
        "info_for_keys",
        "single_signal",
        "uncapped",
    ];
    for name in names {
        match facts.get(name) {
            Some(Value::String(text)) => line(name, text),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).for_each(|text| line(name, text)),
            Some(Value::Number(number)) if number.as_u64() != Some(0) => line(name, &number.to_string()),
            _ => {}
        }
    }
    if !rule.decode {
        line("decode", "no: texts inside texts are not looked at");
    }
    if rule.guessable {
        line("guessable", "yes: a fingerprint takes a key");
    }
    line("from", &format!("{}:{}", rule.file, rule.line));
    for (name, list) in [("example", &rule.examples), ("no match", &rule.counter_examples)] {
        for example in list {
            line(name, &escape(&example.text));
        }
    }
    rule.references.iter().for_each(|reference| line("reference", reference));
    out.push_str(&format!("\nWhy: {}\nWhat to do: {}\n", safe(&rule.why), safe(&rule.advice)));
    out
}

fn test(args: &RulesTestArgs, ui: &mut Ui) -> Result<Ending> {
    let mut set = RuleSet::default();
    for path in &args.paths {
        set.add_path(path)?;
    }
    let set = if args.paths.is_empty() { RuleSet::builtin()? } else { set };
    if let Some(file) = &args.on {
        return test_on(file, set, args, ui);
    }
    let (broken, tried) = try_examples(&set);
    let untried: Vec<&Rule> =
        set.rules().iter().filter(|rule| rule.pattern.is_some() && rule.examples.is_empty()).collect();
    let text = || {
        let mut out = String::new();
        for rule in &untried {
            let place = format!("{}:{}: rule {}", rule.file, rule.line, rule.id);
            out.push_str(&format!("{}: has no examples\n", safe(&place)));
        }
        for one in &broken {
            let (kind, wrong) =
                if one.should_match { ("example", "does not match") } else { ("counter-example", "matches") };
            let place = format!("{}:{}: rule {}", one.file, one.line, one.rule);
            out.push_str(&format!("{}: {kind} {} {wrong}\n", safe(&place), one.number));
        }
        out.push_str(&format!("{} rules, {tried} examples, {} wrong\n", set.rules().len(), broken.len()));
        out
    };
    let facts = || {
        let wrong = broken.iter().map(|one| {
            json!({ "rule": one.rule, "file": one.file, "line": one.line, "number": one.number, "should_match": one.should_match })
        });
        json!({
            "schema": "rediscover/rules-test/v1", "rules": set.rules().len(), "examples": tried,
            "wrong": wrong.collect::<Vec<_>>(),
            "without_examples": untried.iter().map(|rule| &rule.id).collect::<Vec<_>>(),
        })
    };
    deliver(&args.output, ui, text, facts)?;
    if !broken.is_empty() {
        return Ok(Ending::of(Code::Usage, "rules do not do what their examples say"));
    }
    if !untried.is_empty() {
        return Ok(Ending::of(Code::Usage, "rules have no examples"));
    }
    Ok(Ending::default())
}

/// Puts a file's bytes to the rules as one value.
fn test_on(file: &Path, set: RuleSet, args: &RulesTestArgs, ui: &mut Ui) -> Result<Ending> {
    let failed = |error| Error::io("read", error).about(file.display().to_string());
    let mut reader = std::fs::File::open(file).map_err(failed)?;
    let rules = Arc::new(set);
    let mut scanner = Scanner::new(Arc::clone(&rules));
    let about = About { place: Where::Value, ty: None, key: b"", field: b"" };
    let (mut at, mut bytes) = (0_u64, vec![0; 64 << 10]);
    loop {
        let read = reader.read(&mut bytes).map_err(failed)?;
        let Some(piece @ [_, ..]) = bytes.get(..read) else { break };
        // How long it is shows at its end.
        scanner.piece(0, &about, Piece { at, total: u64::MAX, bytes: piece });
        at = at.saturating_add(piece.len() as u64);
    }
    let hits: Vec<Hit> = scanner.drain().collect();
    let found: Vec<_> = hits.iter().filter_map(|hit| Some((hit, rules.rules().get(hit.rule)?))).collect();
    let excerpt = |hit: &Hit, rule: &Rule| {
        let matched = hit.excerpt.get(hit.matched.clone()).unwrap_or_default();
        if rule.category.is_redacted() { format!("<{} bytes>", hit.bytes) } else { escape(matched) }
    };
    let path = |hit: &Hit| hit.decoded.iter().map(|decoder| decoder.name()).collect::<Vec<_>>();
    let text = || {
        let mut rows = vec![["rule", "severity", "at", "bytes", "matches", "decoded from", "match"].map(str::to_owned)];
        rows.extend(found.iter().map(|(hit, rule)| {
            let decoded = path(hit).join(" ");
            let numbers = [hit.at, hit.bytes, hit.matches].map(|number| number.to_string());
            let [at, bytes, matches] = numbers;
            [safe(&rule.id), hit.severity.name().into(), at, bytes, matches, decoded, excerpt(hit, rule)]
        }));
        if found.is_empty() { format!("{} rules, no match\n", rules.rules().len()) } else { aligned(&rows) }
    };
    let facts = || {
        let hits = found.iter().map(|(hit, rule)| {
            json!({
                "rule": rule.id, "severity": hit.severity.name(), "match_offset": hit.at, "match_bytes": hit.bytes,
                "matches": hit.matches, "decoded_from": path(hit), "match": excerpt(hit, rule), "notes": hit.notes,
            })
        });
        json!({ "schema": "rediscover/rules-test-on/v1", "rules": rules.rules().len(), "hits": hits.collect::<Vec<_>>() })
    };
    deliver(&args.output, ui, text, facts)?;
    Ok(Ending::default())
}
