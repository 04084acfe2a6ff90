//! `scan --format html` in a real browser: what a reader sees and does there, and that nothing of the input acts.

use crate::scan_render::html;
use crate::scan_render::sample::*;
use crate::support::browser::{Browser, ENTER, TAB};
use crate::support::page::{MOST_BYTES, assert_nothing_acted, contrast, saved};
use rediscover::report::*;
use serde_json::json;
use std::path::PathBuf;

/// The page as a file.
fn page(report: &ScanReport) -> (tempfile::TempDir, PathBuf) {
    saved(&html(report))
}

#[test]
fn hostile_findings_stay_text_and_nothing_is_asked_for() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&hostile());
    browser.open(&path);
    browser.wait_for("document.querySelector('.findings')");
    browser.run("for (const one of document.querySelectorAll('details')) { one.open = true; }");
    browser.click("#findings .tools input");
    browser.press("x");
    assert_nothing_acted(&browser, &path, 1);
    let shown = browser.text("return document.querySelector('.findings').textContent");
    for text in ["<script>window.pwned=1</script>", "\\x1b[2J", "\\xff\\xfe\\xc0\\x80", "\\xe2\\x80\\xaegpj.exe"] {
        assert!(shown.contains(text), "{text} is not to be read");
    }
    let stories = browser.text("return [...document.querySelectorAll('select option')].map(o => o.value).join('|')");
    assert!(stories.contains("</script><script>window.pwned=2</script>"), "{stories}");
}

#[test]
fn findings_are_filtered_by_click_and_by_key() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&rich());
    browser.open(&path);
    let shown = "return [...document.querySelectorAll('.findings > details:not([hidden]) .t')].map(t => t.textContent).join('|')";
    let count = "return document.querySelector('#findings output').textContent";
    assert!(browser.text(shown).starts_with("Cron line that downloads and runs|Dump in a folder of cron|"));
    let all = browser.text(count);

    browser.click("#findings .sev:nth-child(2)");
    assert_eq!(
        browser.text(shown),
        "Cron line that downloads and runs|Function that runs programs|Script with a sandbox escape|A keyspace that was emptied"
    );
    assert!(browser.text(count).starts_with("4 of "), "{}", browser.text(count));
    // From button to button by Tab, pressed by Enter.
    browser.press(&format!("{ENTER}{TAB}{TAB}{ENTER}"));
    assert_eq!(browser.text(shown), "HTTP spoken to the server");
    assert_eq!(browser.run("return document.activeElement.getAttribute('aria-pressed')"), json!("true"));
    browser.press(ENTER);
    assert_eq!(browser.text(count), all);

    browser.run(
        "const s = document.querySelector('#findings select'); s.value = 'Scripts that stay'; s.dispatchEvent(new Event('change'))",
    );
    assert_eq!(browser.text(shown), "Function that runs programs|Script with a sandbox escape");
    browser.run(
        "const s = document.querySelector('#findings select'); s.value = ''; s.dispatchEvent(new Event('change'))",
    );

    // Words of a place show that place alone, opened.
    browser.click("#findings .tools input");
    browser.press("session:0042");
    assert_eq!(browser.text(shown), "JSON web token");
    assert_eq!(browser.text("return document.querySelector('.findings > details[open]:not([hidden]) .places > li:not([hidden]) .k').textContent"), "second.rdb");
    assert!(browser.text(count).starts_with("1 of "), "{}", browser.text(count));
    browser.run(
        "const f = document.querySelector('#findings .tools input'); f.value = ''; f.dispatchEvent(new Event('input'))",
    );
    assert_eq!(browser.text(count), all);
    assert_nothing_acted(&browser, &path, 1);
}

#[test]
fn it_is_light_and_dark_narrow_and_on_paper() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&rich());
    for scheme in ["light", "dark"] {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.devtools("Emulation.setEmulatedMedia", &features);
        browser.wait_for(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches"));
        browser.open(&path);
        browser.run("for (const one of document.querySelectorAll('details')) { one.open = true; }");
        browser.run("document.querySelector('.sev').click()");
        let words = contrast(&browser);
        assert!(words.is_empty(), "too little contrast, {scheme}: {words}");
    }
    for width in [320, 390, 768, 1280] {
        let screen = json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": false});
        browser.devtools("Emulation.setDeviceMetricsOverride", &screen);
        browser.wait_for("document.documentElement.scrollWidth <= innerWidth");
    }
    let printed = browser.devtools("Page.printToPDF", &json!({}));
    assert!(printed["data"].as_str().is_some_and(|data| data.len() > 20_000 && data.starts_with("JVBERi0")));
    assert_nothing_acted(&browser, &path, 1);
}

#[test]
fn everything_is_there_without_the_script() {
    let page = html(&rich());
    let (head, rest) = page.split_once("</head>").expect("a head");
    assert!(head.contains("default-src 'none'; script-src 'sha256-") && !head.contains("unsafe"), "{head}");
    let (body, _) = rest.rsplit_once("<script>").expect("a script");
    for text in [
        "3 critical, 4 high",
        "db 0 <bdi class=\"k\">backup1</bdi>",
        "element 1234 &gt; base64 &gt; gzip",
        "at 0x20000 (131072)",
        "Why it matters:",
        "attempted, its effect is not proven",
        "persistence not proven",
        "9,000 of 10,000 keys of user:*",
        "line 4711 of the log",
        "ATT&amp;CK T1053.003 T1105",
        "no end",
        "~89,999",
        "keys of the load test",
        "CONFIG SET, ACL, MODULE",
        "gone.rdb",
        "more; --format json has them",
    ] {
        assert!(body.contains(text), "{text}");
    }
    assert!(!rest.contains(" style=") && !rest.contains(" onclick="), "the policy forbids them");
    assert!(html(&clean()).contains("Nothing found"));
}

#[test]
fn it_stays_small_whatever_is_in_the_report() {
    let long = "\"&'<\u{202e}".repeat(3_000);
    let heavy = |rule: usize| Finding {
        rule: format!("X-{}", rule % 700),
        title: long.clone(),
        story: format!("{}{long}", rule % 90),
        why: long.clone(),
        advice: long.clone(),
        notes: vec![long.clone(); 50],
        excerpt: long.clone(),
        source: long.clone(),
        decoded_from: vec![long.clone()],
        attack: vec![long.clone(); 50],
        ..cron(long.as_bytes())
    };
    let mut report = report((0..2_000).map(heavy).collect());
    report.scan.exposure = vec![
        Exposure {
            rule: long.clone(),
            title: long.clone(),
            prefixes: vec![ExposedPrefix { prefix: long.clone(), keys: 1 }; 50],
            ..Exposure::default()
        };
        500
    ];
    report.scan.cannot_show = vec![long.clone(); 500];
    report.scan.summary.suppressed = 9;
    report.scan.summary.suppressed_by = vec![Suppressed { reason: long.clone(), expires: None, findings: 1 }; 500];
    let page = html(&report);
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    assert!(page.contains("more; --format json has them"));

    let many = report_of_many();
    let page = html(&many);
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
}

/// Thousands of findings of dozens of rules.
fn report_of_many() -> ScanReport {
    let of = |at: usize| Finding { rule: format!("X-{}", at % 60), ..cron(format!("key:{at}").as_bytes()) };
    report((0..20_000).map(of).collect())
}
