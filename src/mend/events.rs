//! What a log is made of, as far as mending cares: runs of commands that nothing is wrong with, and what stands out.

use crate::aof::database;
use crate::keyspace::command::{Effect, Spec};
use crate::keyspace::{Args, Command};
use crate::pipeline::RowSource;
use crate::rdb::{Depth, Head, Item};

/// Something of a log, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Where it begins.
    pub(super) from: u64,
    /// The first byte after it.
    pub(super) to: u64,
    /// Where its last command begins.
    pub(super) last: u64,
    pub(super) line: u64,
    pub(super) commands: u64,
    /// It is not written as servers write it, and they load it.
    pub(super) loose: bool,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Commands one after the other.
    Run,
    Select(u64),
    Multi,
    Exec,
    /// A command that servers do not take; the kind of problem.
    Bad(&'static str),
    /// A place that cannot be followed: the kind of problem.
    Damage(&'static str),
}

/// Makes events of items.
#[derive(Debug, Default)]
pub(super) struct Events {
    found: Vec<Event>,
    /// What was said of the command that comes next.
    bad: Option<&'static str>,
    loose: bool,
}

impl Events {
    fn command(&mut self, command: &Command<'_>) {
        let to = command.offset.saturating_add(command.bytes);
        let loose = std::mem::take(&mut self.loose);
        let what = What::of(&command.args, command.spec, self.bad.take());
        if what == What::Run
            && !loose
            && let Some(run) = self.found.last_mut().filter(|event| event.what == What::Run && !event.loose)
            && run.to == command.offset
        {
            run.to = to;
            run.last = command.offset;
            run.commands = run.commands.saturating_add(1);
            return;
        }
        let event =
            Event { from: command.offset, to, last: command.offset, line: command.line, commands: 1, loose, what };
        self.found.push(event);
    }
}

impl What {
    pub(super) fn of(args: &Args<'_>, spec: Option<&'static Spec>, bad: Option<&'static str>) -> Self {
        match (bad, spec.map(|spec| spec.effect)) {
            (Some(kind), _) => What::Bad(kind),
            (None, Some(Effect::Multi)) => What::Multi,
            (None, Some(Effect::Exec)) => What::Exec,
            (None, Some(Effect::Select)) => args.whole(1).and_then(database).map_or(What::Run, What::Select),
            (None, _) => What::Run,
        }
    }
}

impl RowSource for Events {
    type Rows = Vec<Event>;

    fn wants_writes(&self) -> bool {
        false
    }

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Command(command) => self.command(command),
            Item::Damage(damage) if damage.line.is_some() => {
                let kind = damage.flaw.kind().0;
                match kind {
                    "loose-line" => self.loose = true,
                    "unknown-command" | "wrong-arity" | "database-number" | "discard" | "discard-without-multi" => {
                        self.bad = Some(kind);
                    }
                    _ if damage.fatal => {
                        // Where its command begins.
                        let from = damage.offset.saturating_sub(damage.flaw.at());
                        let line = damage.line.unwrap_or_default();
                        let what = What::Damage(kind);
                        self.found.push(Event { from, to: from, last: from, line, commands: 0, loose: false, what });
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.found)
    }
}
