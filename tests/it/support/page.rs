//! A page of HTML, looked at in a real browser.

use super::browser::Browser;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What a page may weigh, whatever is in the report.
pub(crate) const MOST_BYTES: usize = 2_000_000;

/// A page as a file.
pub(crate) fn saved(page: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("page.html");
    std::fs::write(&path, page).expect("a file");
    (folder, path)
}

/// Nothing of the input has acted: no script of it ran beside those of the page, nothing was asked for, the policy had nothing
/// to forbid.
pub(crate) fn assert_nothing_acted(browser: &Browser, page: &Path, scripts: u32) {
    assert_eq!(browser.run("return window.pwned ?? null"), Value::Null);
    assert_eq!(browser.run("return document.getElementById('intruder') === null"), json!(true));
    assert_eq!(browser.run("return performance.getEntriesByType('resource').length"), json!(0));
    assert_eq!(browser.run("return document.querySelectorAll('script').length"), json!(scripts));
    let said = browser.log("browser");
    assert!(said.is_empty(), "the console is not empty: {said:?}");
    let own = format!("file://{}", page.display());
    let mut opened = false;
    for line in browser.log("performance") {
        let event: Value = serde_json::from_str(line["message"].as_str().expect("a message")).expect("an event");
        let event = &event["message"];
        if event["method"] == "Network.requestWillBeSent" {
            let url = event["params"]["request"]["url"].as_str().expect("an address");
            // The tab that a browser begins with asks for parts of its own.
            let its_own = url.starts_with("chrome") || url.starts_with("data:");
            assert!(url == own || its_own, "asked for {url}");
            opened |= url == own;
        }
        assert_ne!(event["method"], "Page.javascriptDialogOpening");
    }
    assert!(opened, "the log of requests does not even know the page");
}

/// Texts whose contrast with what is behind them is below 4.5 to 1, as WCAG 2 counts it.
pub(crate) fn contrast(browser: &Browser) -> String {
    browser.text(
        r#"
        const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const light = (colour) => {
            canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
            if (a < 255) return null;
            const line = (c) => { c /= 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
            return .2126 * line(r) + .7152 * line(g) + .0722 * line(b);
        };
        const behind = (node) => {
            for (let at = node; at; at = at.parentElement) {
                const found = light(getComputedStyle(at).backgroundColor);
                if (found !== null) return found;
            }
            return 1;
        };
        const bad = [];
        for (const node of document.querySelectorAll("body *:not(script):not(.skip)")) {
            const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
            if (!own) continue;
            const text = node.closest("svg");
            const front = light(getComputedStyle(node)[text ? "fill" : "color"]);
            const back = text && node.closest("g")
                ? light(getComputedStyle(node.closest("g").querySelector("rect")).fill) : behind(node);
            if (node.localName === "title" || front === null || back === null) continue;
            const ratio = (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
            if (ratio < 4.5) bad.push(`${node.localName}.${node.getAttribute("class")} ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
        }
        return bad.slice(0, 10).join("; ");
        "#,
    )
}
