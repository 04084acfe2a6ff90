//! The text of a plan script.
//!
//! ```text
//! #!/bin/sh
//! # what it is, from where, how much, how to run it
//! code of plan.sh, up to `exit 0`
//! db 0                            the shell does not read what follows: the code does
//! string 72 - "cache:1"
//! # end of the plan               without it the script refuses to do anything
//! ```

use super::{PlanAction, PlanOptions};
use crate::base::{UnixMs, size};
use crate::pipeline::Scope;
use crate::report::{PlanScript, argument, printable};

/// The code, with places for the command and the words that differ.
const CODE: &str = include_str!("plan.sh");
/// The last line.
pub(super) const END: &str = "# end of the plan\n";

/// The check of one batch: a key counts if its type and its expiry are what the plan says. No quotes and no backslashes in it:
/// it stands within single quotes of the shell and double quotes of the client.
const CHECK: &str = "local n=0 for i,k in ipairs(KEYS) do local t,e=ARGV[2*i-1],ARGV[2*i] \
    if redis.call([[TYPE]],k).ok==t and (e==[[-]] and redis.call([[PTTL]],k)==-1 \
    or e~=[[-]] and redis.call([[PEXPIRETIME]],k)==tonumber(e)) \
    then n=n+redis.call(@DO@) end end return n";

/// What stands before the keys.
pub(super) fn head(plan: &PlanScript, options: &PlanOptions, scopes: &[Scope], clustered: bool) -> String {
    let mut text = String::from("#!/bin/sh\n");
    for line in about(plan, options, scopes, clustered) {
        // Nothing of the input may end a comment.
        let line = printable(&line);
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    let done = match options.action {
        PlanAction::Unlink => "unlinked; the others were gone or have changed",
        PlanAction::Expire { .. } => "will expire; the others were gone or have changed",
    };
    // EXPIRE takes one key.
    let single = !options.check && matches!(options.action, PlanAction::Expire { .. });
    text.push_str(
        &CODE
            .replace("@BATCH@", if single { "1" } else { "${BATCH:-100}" })
            .replace("@COMMAND@", &command(options))
            .replace("@KEYS@", &plan.keys.to_string())
            .replace("@DONE@", done),
    );
    text
}

/// What awk prints for a batch: `names` and `facts` begin with a space.
fn command(options: &PlanOptions) -> String {
    match (options.action, options.check) {
        (PlanAction::Unlink, false) => "\"UNLINK\" names".to_owned(),
        (PlanAction::Expire { seconds }, false) => {
            format!("\"EXPIRE\" names \" {seconds} NX\"")
        }
        (action, true) => {
            let call = match action {
                PlanAction::Unlink => "[[UNLINK]],k".to_owned(),
                PlanAction::Expire { seconds } => format!("[[EXPIRE]],k,{seconds}"),
            };
            format!("\"EVAL \\\"{}\\\" \" n names facts", CHECK.replace("@DO@", &call))
        }
    }
}

fn about(plan: &PlanScript, options: &PlanOptions, scopes: &[Scope], clustered: bool) -> Vec<String> {
    let keys = if plan.keys == 1 { "1 key".to_owned() } else { format!("{} keys", plan.keys) };
    let what = match options.action {
        PlanAction::Unlink => format!("UNLINK of {keys}: they will be gone"),
        PlanAction::Expire { seconds } => format!("EXPIRE of {keys} in {seconds} seconds: then they will be gone"),
    };
    let mut lines = vec![format!("rediscover plan: {what}"), String::new()];
    // The files of a source have its name; the first of them says what there is to say.
    let sources = scopes.chunk_by(|one, next| one.source == next.source).filter_map(<[Scope]>::first);
    lines.extend(sources.map(|scope| format!("source    {}", origin(scope, options.now))));
    lines.push(format!("written   {} by rediscover {}", options.now, env!("CARGO_PKG_VERSION")));
    let memory = plan.memory_bytes.map(|bytes| format!("{} of estimated memory, ", size::human(bytes)));
    let (memory, serialized) = (memory.unwrap_or_default(), size::human(plan.serialized_bytes));
    lines.push(format!("keys      {}: {memory}{serialized} serialized", plan.keys));
    let arguments: Vec<_> = options.arguments.iter().map(|word| argument(word)).collect();
    lines.push(format!("made by   {}", arguments.join(" ")));
    lines.extend(warnings(plan, scopes).into_iter().map(|text| format!("warning   {text}")));
    lines.extend(["", "It was not run. To see the commands, which changes nothing:"].map(str::to_owned));
    lines.push("  sh THIS_FILE | less".to_owned());
    let cluster = if clustered { " -c" } else { "" };
    lines.push(format!("To run it:  APPLY=1 CLI=\"redis-cli{cluster} -h HOST -p PORT\" sh THIS_FILE"));
    lines.push("Delete the lines of keys that shall stay as they are, or put a # before them.".to_owned());
    lines.push(batches(options, clustered).to_owned());
    lines.extend(guarantee(options).map(str::to_owned));
    lines
}

fn origin(scope: &Scope, now: UnixMs) -> String {
    let server = scope.prologue.server().map(|server| format!(" of {server}")).unwrap_or_default();
    let taken = match scope.prologue.created_at() {
        Some(at) => format!("{at}, {} before this was written", age(now.0.saturating_sub(at.0) / 1000)),
        None => "at a time that it does not say".to_owned(),
    };
    format!("{}{server}, taken {taken}", scope.source)
}

/// Seconds as people say them.
fn age(seconds: i64) -> String {
    let units = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    match units.into_iter().find(|(unit, _)| seconds >= 2 * unit) {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} seconds"),
    }
}

fn warnings(plan: &PlanScript, scopes: &[Scope]) -> Vec<String> {
    let left = plan.left_out;
    let mut lines = Vec::new();
    if left.long_names > 0 {
        lines.push(format!("{} left out whose names are over 64 KiB", left.long_names));
    }
    if left.expired > 0 {
        lines.push(format!("{} left out that had expired", left.expired));
    }
    if left.expiring > 0 {
        lines.push(format!("{} left out that expire already", left.expiring));
    }
    if scopes.iter().any(|scope| scope.tally.log_at.is_some()) {
        lines.push("commands of the append-only file were not replayed: these are the keys of its base".to_owned());
    }
    if scopes.iter().any(|scope| scope.tally.cut_short || scope.tally.skipped_bytes > 0) {
        lines.push("the source is damaged: keys may be missing".to_owned());
    }
    lines
}

fn batches(options: &PlanOptions, clustered: bool) -> &'static str {
    match (options.action, options.check, clustered) {
        (PlanAction::Expire { .. }, false, _) => "One key a command.",
        (_, _, true) => "100 keys a command, of one slot; BATCH=1 sends them one by one.",
        _ => "100 keys a command; BATCH=10 sends fewer at a time, a cluster needs BATCH=1.",
    }
}

/// What holds for keys that have changed since.
fn guarantee(options: &PlanOptions) -> [&'static str; 2] {
    match (options.action, options.check) {
        (PlanAction::Unlink, false) => [
            "Whatever has one of these names when it runs is unlinked, also if it was written since the snapshot:",
            "--plan-check writes a script that looks at type and expiry before.",
        ],
        (PlanAction::Expire { .. }, false) => [
            "A key that expires already stays as it is: NX, which servers before Redis 7.0 refuse. For those --plan-check",
            "writes a script that looks at type and expiry before.",
        ],
        (_, true) => [
            "A key whose type or expiry is not that of the snapshot stays as it is; its value may have changed. Each batch is",
            "one EVAL, so nothing comes between look and deed. Keys that expire need PEXPIRETIME: Redis 7.0.",
        ],
    }
}
