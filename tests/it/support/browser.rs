//! A real browser: Chromium without a window, driven by chromedriver over loopback.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// How long a page may take to do what it was asked.
const PATIENCE: Duration = Duration::from_secs(30);
/// How an element is named on the wire.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const BACKSPACE: &str = "\u{e003}";
pub(crate) const ESCAPE: &str = "\u{e00c}";
pub(crate) const RIGHT: &str = "\u{e014}";

/// A browser with one empty window; ended when dropped.
#[derive(Debug)]
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: tempfile::TempDir,
}

impl Browser {
    /// A new one, or `None` after a notice where there is none.
    ///
    /// # Panics
    /// Where there is none and `REDISCOVER_REQUIRE_SERVERS=1`: there no test may pass by being skipped.
    pub(crate) fn start() -> Option<Self> {
        let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut driver) = driver else {
            missing();
            return None;
        };
        let said = BufReader::new(driver.stdout.take().expect("its standard output"));
        let port = said.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let mut browser =
            Self { driver, port: port.expect("chromedriver names its port"), session: String::new(), profile };
        let started = browser.command("POST", "/session", &capabilities(browser.profile.path()));
        started["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        Some(browser)
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&self, page: &Path) {
        self.post("/url", &json!({"url": format!("file://{}", page.display())}));
    }

    /// What a function's body returns in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The same as text.
    pub(crate) fn text(&self, script: &str) -> String {
        self.run(script).as_str().unwrap_or_else(|| panic!("no text: {script}")).to_owned()
    }

    /// Clicks in the middle of the first element that a selector finds, as a hand with a mouse does.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        let element = found[ELEMENT].as_str().unwrap_or_else(|| panic!("no {selector}: {found}"));
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Presses keys, whatever has the focus.
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]}));
    }

    /// Waits until an expression is true in the page.
    ///
    /// # Panics
    /// If it does not become so.
    pub(crate) fn wait_for(&self, expression: &str) {
        let since = Instant::now();
        while self.run(&format!("return Boolean({expression})")) != json!(true) {
            assert!(since.elapsed() < PATIENCE, "not so: {expression}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A command of the protocol that the developer tools speak.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// What `browser` or `performance` logged since the last call.
    pub(crate) fn log(&self, kind: &str) -> Vec<Value> {
        let lines = self.post("/se/log", &json!({"type": kind}));
        lines.as_array().cloned().unwrap_or_default()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.command("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// One exchange with the driver; its answer's `value`.
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, text) = self.exchange(method, path, &body.to_string()).expect("chromedriver answers");
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        assert!(status.contains(" 200 "), "{path} {body}: {status} {answer}");
        answer["value"].take()
    }

    /// The first line and the body.
    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(String, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        Ok((status, String::from_utf8_lossy(&answer).into_owned()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The driver ends its browser; a driver that is killed leaves it behind.
            drop(self.exchange("DELETE", &format!("/session/{}", self.session), ""));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

fn capabilities(profile: &Path) -> Value {
    let own = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // What asks for a host is logged all the same, and gets no answer.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--window-size=1280,900",
        own.as_str(),
    ];
    let logs = json!({"browser": "ALL", "performance": "ALL"});
    let options = json!({"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": logs});
    json!({"capabilities": {"alwaysMatch": options}})
}

#[expect(clippy::print_stderr, reason = "a skip has to be seen")]
fn missing() {
    let text = "SKIPPED: no chromedriver; Debian has it in the packages chromium and chromium-driver";
    assert!(env::var_os("REDISCOVER_REQUIRE_SERVERS").is_none_or(|value| value != "1"), "{text}");
    eprintln!("{text}");
}
