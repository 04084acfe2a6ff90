//! stdout for data, stderr for messages; colour, width and terminals; files written whole. Nothing else prints.

use super::args::{Format, LogFormat, Talk};
use super::exit::{Code, Ending};
use super::progress::{Bar, Watch};
use super::signals::{self, Caught, Writing};
use clap::ColorChoice;
use rediscover::base::{Cancel, Error, ErrorKind, Progress, Result, UnixMs};
use rediscover::render::Look;
use rediscover::report::{Provenance, SourceFacts, printable};
use serde_json::json;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, PoisonError};

/// Bytes that are collected before they are written.
const SHEET_BYTES: usize = 64 << 10;

/// How loud a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    /// To be known, and nothing wrong.
    Note,
    /// With `-v` only.
    Detail,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note | Level::Detail => "info",
        }
    }
}

/// Says messages, wherever they come from.
#[derive(Clone)]
pub(crate) struct Voice {
    quiet: bool,
    verbose: bool,
    log_format: LogFormat,
    log_file: Option<Arc<File>>,
    /// The instance of `backup run` that messages are about, and its step.
    about: Option<(String, &'static str)>,
}

impl Voice {
    /// A message about a source, or about the whole.
    pub(crate) fn say(&self, level: Level, text: &str, hint: Option<&str>) {
        let hidden = match level {
            Level::Error => false,
            Level::Warning | Level::Note => self.quiet,
            Level::Detail => !self.verbose,
        };
        let text = printable(text);
        let hint = hint.map(printable);
        let line = match self.log_format {
            LogFormat::Json => {
                let (time, level) = (now().to_string(), level.name());
                let mut line = json!({"time": time, "level": level, "message": text, "hint": hint});
                if let (Some(line), Some((instance, step))) = (line.as_object_mut(), &self.about) {
                    line.insert("instance".into(), instance.clone().into());
                    line.insert("step".into(), (*step).into());
                }
                format!("{line}\n")
            }
            LogFormat::Text => {
                let label = match level {
                    Level::Warning => "warning: ",
                    Level::Error | Level::Note | Level::Detail => "",
                };
                let hint = hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
                let about = self.about.as_ref().map(|(instance, _)| format!("{instance}: ")).unwrap_or_default();
                let text = text.strip_prefix(&about).unwrap_or(&text);
                format!("rediscover: {label}{about}{text}\n{hint}")
            }
        };
        if !hidden {
            stderr(&line);
        }
        self.log(&line);
    }

    fn log(&self, line: &str) {
        if let Some(file) = &self.log_file {
            // A log that cannot be written does not change what the command found.
            let _ = (&**file).write_all(line.as_bytes());
        }
    }
}

/// How the command meets the world.
pub(crate) struct Ui {
    voice: Voice,
    color: ColorChoice,
    format: Option<Format>,
    /// The reasons of a bad ending are in the text report on stdout already.
    shown: bool,
    started: UnixMs,
    cancel: Cancel,
    caught: Caught,
    writing: Writing,
}

impl Ui {
    pub(crate) fn new(talk: &Talk, format: Option<Format>) -> Result<Self> {
        let append = |path: &PathBuf| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(|error| Error::io("open the log file", error).about(path.display().to_string()))
        };
        Ok(Self {
            voice: Voice {
                quiet: talk.quiet,
                verbose: talk.verbose > 0,
                log_format: talk.log_format,
                log_file: talk.log_file.as_ref().map(append).transpose()?.map(Arc::new),
                about: None,
            },
            color: talk.color,
            format,
            shown: false,
            started: now(),
            cancel: Cancel::default(),
            caught: Caught::default(),
            writing: Arc::default(),
        })
    }

    /// The same for one of several instances that are gone through, perhaps at once: what is said names it.
    pub(crate) fn of_instance(&self, instance: &str) -> Self {
        Self {
            voice: Voice { about: Some((instance.to_owned(), "start")), ..self.voice.clone() },
            cancel: self.cancel.clone(),
            caught: self.caught.clone(),
            writing: Arc::clone(&self.writing),
            ..*self
        }
    }

    /// What messages are about from now on.
    pub(crate) fn step(&mut self, step: &'static str) {
        if let Some((_, current)) = &mut self.voice.about {
            *current = step;
        }
    }

    /// Whether only what failed is said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.voice.quiet
    }

    pub(crate) fn watch_signals(&self) -> Result<()> {
        signals::watch(self.cancel.clone(), self.caught.clone(), Arc::clone(&self.writing))
    }

    /// Whether somebody looks at what is said.
    pub(crate) fn is_watched(&self) -> bool {
        io::stderr().is_terminal() && !self.voice.quiet
    }

    /// What a signal asks the command to end with.
    pub(crate) fn signalled(&self) -> Option<Code> {
        self.caught.code()
    }

    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// What keeps a signal from ending the process while it is locked.
    pub(crate) fn writing(&self) -> Writing {
        Arc::clone(&self.writing)
    }

    /// The form of the document.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Text)
    }

    /// Tells what is to be known of sources; with a bar, where somebody looks at stderr and wants to see one.
    pub(crate) fn progress(&self) -> Arc<dyn Progress> {
        let voice = &self.voice;
        let seen =
            io::stderr().is_terminal() && !voice.quiet && voice.log_format == LogFormat::Text && !dumb_terminal();
        Arc::new(Watch::new(voice.clone(), seen.then(Bar::new)))
    }

    /// The same without a bar, where several sources are read at once.
    pub(crate) fn progress_in_words(&self) -> Arc<dyn Progress> {
        Arc::new(Watch::new(self.voice.clone(), None))
    }

    /// How a text report for `place` may look.
    pub(crate) fn look(&self, place: Option<&Path>, zone: Option<&jiff::tz::TimeZone>) -> Look {
        let terminal = to_stdout(place) && io::stdout().is_terminal();
        let width = terminal.then(|| terminal_size::terminal_size_of(io::stdout())).flatten();
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        Look {
            width: width.map(|(width, _)| usize::from(width.0)).or(columns).unwrap_or(80),
            fancy: terminal && !dumb_terminal(),
            colour: to_stdout(place) && colour(self.color, terminal),
            zone: zone.cloned().unwrap_or(jiff::tz::TimeZone::UTC),
            now: Some(self.started),
        }
    }

    /// Where a report comes from: everything but the hashes and sizes is known here.
    pub(crate) fn provenance(&self, sources: Vec<SourceFacts>) -> Provenance {
        Provenance {
            tool: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            arguments: std::env::args_os().map(|argument| super::sources::shown(&argument)).collect(),
            started: self.started.to_string(),
            ended: now().to_string(),
            sources,
        }
    }

    /// Delivers a document to its place: a file, or stdout. A text report on stdout is held back by `-q`.
    pub(crate) fn deliver(&mut self, place: Option<&Path>, document: &[u8]) -> Result<()> {
        // From here to the rename a signal waits.
        let writing = Arc::clone(&self.writing);
        let _whole = writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        match place {
            Some(path) if path != Path::new("-") => write_whole(path, document),
            _ if self.format == Some(Format::Text) && self.voice.quiet => Ok(()),
            _ => {
                self.shown = self.format == Some(Format::Text);
                write_stdout(document)
            }
        }
    }

    /// A message about a source, or about the whole.
    pub(crate) fn say(&mut self, level: Level, text: &str, hint: Option<&str>) {
        self.voice.say(level, text, hint);
    }

    fn log(&mut self, line: &str) {
        self.voice.log(line);
    }

    /// A source that could not be read: said now, unless it will be said at the end.
    pub(crate) fn unread(&mut self, error: &Error) {
        if !self.voice.quiet && self.format != Some(Format::Json) {
            self.say(Level::Error, &error.to_string(), error.hint());
        }
    }

    /// The last words, and the exit code.
    pub(crate) fn finish(&mut self, ending: Result<Ending>) -> Code {
        let ending = match ending {
            Ok(ending) => ending,
            Err(error) => {
                let code = match (error.kind(), self.signalled()) {
                    (ErrorKind::Interrupted, Some(code)) => code,
                    _ => Code::of(&error),
                };
                let mut ending = Ending::of(code, &error.to_string());
                ending.reasons[0].next = error.hint().map(Into::into);
                ending
            }
        };
        let code = ending.code();
        if code == Code::Done {
            return code;
        }
        if self.format == Some(Format::Json) {
            let sentences: Vec<_> = ending.reasons.iter().map(super::exit::Reason::sentence).collect();
            let hint = ending.reasons.iter().find_map(|reason| reason.next.as_deref());
            let line = json!({"error": sentences.join("; "), "code": code.number(), "hint": hint});
            let line = format!("{line}\n");
            stderr(&line);
            self.log(&line);
            return code;
        }
        for reason in &ending.reasons {
            if self.voice.quiet {
                let line = match self.voice.log_format {
                    LogFormat::Text => printable(&reason.line()).into_owned(),
                    LogFormat::Json => json!({
                        "time": now().to_string(), "level": "error", "message": printable(&reason.sentence()),
                        "hint": reason.next.as_deref().map(printable), "source": reason.source,
                    })
                    .to_string(),
                };
                stderr(&format!("{line}\n"));
                self.log(&format!("{line}\n"));
            } else if !(reason.said || self.shown) {
                self.say(Level::Error, &reason.sentence(), reason.next.as_deref());
            }
        }
        code
    }
}

/// The clock.
pub(crate) fn now() -> UnixMs {
    UnixMs(jiff::Timestamp::now().as_millisecond())
}

/// Words of the signal thread.
pub(crate) fn interrupted() {
    stderr("rediscover: interrupted\n");
}

/// A command line that clap refuses (or answers: `--help`).
pub(crate) fn refuse(refusal: &clap::Error) -> ExitCode {
    let code = u8::try_from(refusal.exit_code()).unwrap_or(2);
    if code != 0 && json_asked_for() {
        let text = refusal.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        stderr(&format!("{}\n", json!({"error": first, "code": code})));
    } else {
        // A closed pipe behind `--help` is no failure.
        let _ = refusal.print();
    }
    ExitCode::from(code)
}

/// What goes wrong before there is anything to talk with.
pub(crate) fn fail_early(error: &Error) -> ExitCode {
    stderr(&format!("rediscover: {}\n", printable(&error.to_string())));
    Code::of(error).into()
}

fn json_asked_for() -> bool {
    let arguments: Vec<_> = std::env::args_os().collect();
    arguments.iter().any(|argument| argument == "--format=json")
        || arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
}

fn stderr(text: &str) {
    // Nobody is left to tell if this fails.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes to stdout. That the reader has gone is no failure: nobody wants the rest.
fn write_stdout(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::io("write to standard output", error)),
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all: beside its place, synced, renamed. What is no regular file (a device, a pipe) is
/// written as it is.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |what| move |error| Error::io(what, error).about(super::sources::shown(path.as_os_str()));
    let target = target(path);
    if let Some(mut file) = device(&target).map_err(failed("open for writing"))? {
        return match file.write_all(bytes) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed("write")(error)),
            _ => Ok(()),
        };
    }
    let mut file = beside(&target, mode_of(&target)).map_err(failed("write"))?;
    file.write_all(bytes).map_err(failed("write"))?;
    put_in_place(file, &target, path)
}

/// A link stays one: its target is replaced.
fn target(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// What is there, open for writing, if it is no regular file.
fn device(target: &Path) -> io::Result<Option<File>> {
    let is_one = target.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
    if is_one { OpenOptions::new().write(true).open(target).map(Some) } else { Ok(None) }
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The mode of the file that a report replaces.
fn mode_of(target: &Path) -> u32 {
    target.metadata().map_or(0o666, |old| old.permissions().mode())
}

/// A new file in the folder of the one it will replace.
fn beside(target: &Path, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".rediscover-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(target))
}

fn put_in_place(file: tempfile::NamedTempFile, target: &Path, path: &Path) -> Result<()> {
    let failed = |what| move |error| Error::io(what, error).about(super::sources::shown(path.as_os_str()));
    file.as_file().sync_all().map_err(failed("write"))?;
    file.persist(target).map_err(|error| failed("write")(error.error))?;
    // The name is on disk only once its folder is.
    File::open(folder_of(target)).and_then(|folder| folder.sync_all()).map_err(failed("sync the folder of"))
}

impl Ui {
    /// Writes a file that everybody may read, whole or not at all; also when the command is about to end.
    pub(crate) fn write_public(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let failed = |error| Error::io("write", error).about(super::sources::shown(path.as_os_str()));
        let _whole = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let target = target(path);
        let mut file = beside(&target, 0o644).map_err(failed)?;
        // Whatever the umask of a cron says.
        file.as_file().set_permissions(Permissions::from_mode(0o644)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        put_in_place(file, &target, path)
    }
}

/// Where a document goes that is written as it comes.
pub(crate) struct Sheet {
    to: To,
    path: PathBuf,
    /// The reader has gone: nobody wants the rest.
    closed: bool,
}

enum To {
    /// `-q` holds a text report on stdout back.
    Nowhere,
    Stdout(BufWriter<io::Stdout>),
    Device(BufWriter<File>),
    Beside {
        file: BufWriter<tempfile::NamedTempFile>,
        target: PathBuf,
    },
}

impl Sheet {
    /// Whether nobody wants the rest.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let written = match &mut self.to {
            To::Nowhere => Ok(bytes.len()),
            To::Stdout(out) => out.write(bytes),
            To::Device(file) => file.write(bytes),
            To::Beside { file, .. } => file.write(bytes),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(bytes.len())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.to {
            _ if self.closed => Ok(()),
            To::Nowhere => Ok(()),
            To::Stdout(out) => out.flush(),
            To::Device(file) => file.flush(),
            To::Beside { file, .. } => file.flush(),
        };
        match flushed {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            flushed => flushed,
        }
    }
}

impl Ui {
    /// Begins a document at its place, to be written as it comes. It is there only after [`Ui::finish_sheet`].
    pub(crate) fn sheet(&self, place: Option<&Path>) -> Result<Sheet> {
        self.begin(place, mode_of)
    }

    /// The same for data: a file that its owner alone may read, whatever it replaces; `-q` does not hold it back.
    pub(crate) fn data_sheet(&self, file: &Path) -> Result<Sheet> {
        if file == Path::new("-") {
            let to = To::Stdout(BufWriter::with_capacity(SHEET_BYTES, io::stdout()));
            return Ok(Sheet { to, path: file.to_path_buf(), closed: false });
        }
        self.begin(Some(file), |_| 0o600)
    }

    fn begin(&self, place: Option<&Path>, mode: fn(&Path) -> u32) -> Result<Sheet> {
        let shown = place.map(|path| super::sources::shown(path.as_os_str())).unwrap_or_default();
        let failed = |what| {
            let shown = shown.clone();
            move |error| Error::io(what, error).about(shown)
        };
        let to = match place {
            Some(path) if path != Path::new("-") => {
                let target = target(path);
                if let Some(file) = device(&target).map_err(failed("open for writing"))? {
                    To::Device(BufWriter::with_capacity(SHEET_BYTES, file))
                } else {
                    // A signal must know of the file as soon as it is there.
                    let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
                    let file = beside(&target, mode(&target)).map_err(failed("write"))?;
                    *writing = Some(file.path().to_path_buf());
                    To::Beside { file: BufWriter::with_capacity(SHEET_BYTES, file), target }
                }
            }
            _ if self.format == Some(Format::Text) && self.voice.quiet => To::Nowhere,
            _ => To::Stdout(BufWriter::with_capacity(SHEET_BYTES, io::stdout())),
        };
        Ok(Sheet { to, path: place.unwrap_or(Path::new("-")).to_path_buf(), closed: false })
    }

    /// Puts a document into its place, unless the command was interrupted.
    pub(crate) fn finish_sheet(&mut self, mut sheet: Sheet) -> Result<()> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        let shown = super::sources::shown(sheet.path.as_os_str());
        sheet.flush().map_err(|error| Error::io("write", error).about(shown.clone()))?;
        if let To::Beside { file, target } = sheet.to {
            let file = file.into_inner().map_err(|error| Error::io("write", error.into_error()).about(shown))?;
            *writing = None;
            put_in_place(file, &target, &sheet.path)?;
        }
        Ok(())
    }
}

fn to_stdout(place: Option<&Path>) -> bool {
    place.is_none_or(|path| path.as_os_str().as_bytes() == b"-")
}

fn dumb_terminal() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn colour(choice: ColorChoice, terminal: bool) -> bool {
    let wanted = || std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => terminal && wanted() && !dumb_terminal(),
    }
}
