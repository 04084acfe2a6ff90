//! `rules`: list, show, test.

use crate::cli::args::{RuleArgs, RulesCommand, RulesListArgs, RulesShowArgs, RulesTestArgs};
use crate::cli::exit::{Code, Ending};
use crate::cli::ui::{Level, Ui};
use rediscover::base::{Error, ErrorKind, Result};
#[cfg(feature = "yara")]
use rediscover::rules::Yara;
use rediscover::rules::{Iocs, Rule, RuleSet, gitleaks, try_examples};
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
    let mut out = String::new();
    for rule in set.rules() {
        out.push_str(&format!("{:<20} {:<9} {}\n", rule.id, rule.severity.name(), rule.title));
    }
    ui.deliver(args.output.output.as_deref(), out.as_bytes())?;
    Ok(Ending::default())
}

fn show(args: &RulesShowArgs, ui: &mut Ui) -> Result<Ending> {
    let set = load(&args.rules, ui)?;
    let Some(rule) = set.get(&args.id) else {
        return Err(Error::new(ErrorKind::Usage { option: "ID", what: format!("there is no rule {:?}", args.id) }));
    };
    ui.deliver(args.output.output.as_deref(), shown(rule).as_bytes())?;
    Ok(Ending::default())
}

fn shown(rule: &Rule) -> String {
    let pattern = rule.pattern.as_ref().map_or("-", |pattern| pattern.as_str());
    format!("{} {}\n{}\n{}\n{}\n", rule.id, rule.title, pattern, rule.why, rule.advice)
}

fn test(args: &RulesTestArgs, ui: &mut Ui) -> Result<Ending> {
    let mut set = RuleSet::default();
    for path in &args.paths {
        set.add_path(path)?;
    }
    let set = if args.paths.is_empty() { RuleSet::builtin()? } else { set };
    let (broken, tried) = try_examples(&set);
    let mut out = String::new();
    for one in &broken {
        let (kind, wrong) =
            if one.should_match { ("example", "does not match") } else { ("counter-example", "matches") };
        out.push_str(&format!("{}: {kind} {} {wrong}\n", one.rule, one.number));
    }
    out.push_str(&format!("{} rules, {tried} examples, {} wrong\n", set.rules().len(), broken.len()));
    ui.deliver(args.output.output.as_deref(), out.as_bytes())?;
    if broken.is_empty() {
        return Ok(Ending::default());
    }
    Ok(Ending::of(Code::Usage, "rules do not do what their examples say"))
}
