//! `analyze --format html` in a real browser: what a reader sees and does there, and that nothing of the input acts.

pub(crate) mod sample;

use crate::support::browser::{BACKSPACE, Browser, ENTER, ESCAPE, RIGHT, TAB};
use crate::support::page::{MOST_BYTES, assert_nothing_acted, contrast, saved};
use crate::support::servers::{self, ServerSpec};
use rediscover::render::{self, Look};
use rediscover::report::*;
use sample::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn html(report: &AnalyzeReport) -> String {
    let mut out = Vec::new();
    render::html::analyze(report, &Look::default(), &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("a page is UTF-8")
}

/// The page as a file.
fn page(report: &AnalyzeReport) -> (tempfile::TempDir, PathBuf) {
    saved(&html(report))
}

/// Nothing of the input has acted on a page with a script and its data.
fn assert_quiet(browser: &Browser, page: &Path) {
    assert_nothing_acted(browser, page, 2);
}

#[test]
fn hostile_names_stay_text_and_nothing_is_asked_for() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&hostile());
    browser.open(&path);
    browser.wait_for("document.querySelector('#treemap g[data-name]')");
    // Walk over everything that shows a name: the script makes text of its own there.
    browser.run("for (const g of document.querySelectorAll('#treemap g')) { g.focus(); }");
    browser.click("#treemap g[data-name^='<script>']");
    browser.wait_for("document.querySelectorAll('.crumbs li').length === 2");
    browser.press("x");
    assert_quiet(&browser, &path);
    let shown = browser.text("return document.body.textContent");
    for text in
        ["<script>window.pwned=1</script>", "\\x1b[2J\\x1b]0;x\\a\\x00\\r\\n", "\\xff\\xfe\\xc0\\x80", "(empty name)"]
    {
        assert!(shown.contains(text), "{text} is not to be read");
    }
    assert!(shown.contains("evil:\\xe2\\x80\\xaegpj.exe"));
    let raw = std::fs::read_to_string(&path).expect("the page");
    for hidden in ['\u{202e}', '\u{2028}', '\u{feff}', '\u{1b}', '\0'] {
        assert!(!raw.contains(hidden), "{hidden:?} stands in the page");
    }
    assert!(raw.contains("Damaged"), "the damage is not at the top");
}

#[test]
fn a_hostile_dump_of_a_real_server_makes_a_quiet_page() {
    let Some(browser) = Browser::start() else { return };
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = servers::start(&spec, folder.path(), &[] as &[&str]).expect("a server without data");
    let mut connection = server.connection();
    let long: Vec<u8> = b"<script>window.pwned=8</script>".iter().copied().cycle().take(1 << 20).collect();
    for name in HOSTILE.iter().copied().chain([long.as_slice()]) {
        let twice = [name, b":", name].concat();
        for key in [name, &twice] {
            redis::cmd("SET").arg(key).arg(name).query::<()>(&mut connection).expect("a string");
        }
        let hash = [b"hash:", name].concat();
        redis::cmd("HSET").arg(hash).arg(name).arg(&long).query::<()>(&mut connection).expect("a hash");
        let stream = [b"stream:", name].concat();
        redis::cmd("XADD").arg(&stream).arg("*").arg(name).arg(name).query::<()>(&mut connection).expect("an entry");
        redis::cmd("XGROUP")
            .arg("CREATE")
            .arg(stream)
            .arg(name)
            .arg("0")
            .query::<()>(&mut connection)
            .expect("a group");
    }
    redis::cmd("SAVE").query::<()>(&mut connection).expect("a dump");
    drop(server);
    let page = folder.path().join("report.html");
    let program = std::env::var_os("REDISCOVER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_rediscover").into());
    let output = Command::new(program)
        .args(["analyze", "dump.rdb", "--top", "1000", "-o", "report.html"])
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::metadata(&page).expect("the page").len() < MOST_BYTES as u64);
    browser.open(&page);
    browser.wait_for("document.querySelector('#big-keys .tools input')");
    browser.run("for (const g of document.querySelectorAll('#treemap g')) { g.focus(); }");
    assert_quiet(&browser, &page);
    let keys = browser.text("return document.querySelector('#big-keys tbody').textContent");
    assert!(keys.contains("<script>window.pwned=8</script>"), "{keys}");
    assert!(keys.contains("(1,048,576 bytes)") && keys.contains("\\xff\\xfe\\xc0\\x80"), "{keys}");
}

const TILES: &str = "return [...document.querySelectorAll('#treemap g')].map(g => g.dataset.name).join('|')";
const CRUMBS: &str = "return [...document.querySelectorAll('.crumbs li')].map(li => li.textContent).join('|')";

#[test]
fn the_map_is_walked_by_click_and_by_key() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&rich());
    browser.open(&path);
    let first = browser.text(TILES);
    assert!(first.starts_with("cache:|session:|user:|leaderboard:"), "{first}");
    assert!(first.contains("other keys"), "{first}");

    browser.click("#treemap g[data-name='user:']");
    assert_eq!(browser.text(CRUMBS), "all keys|user:");
    assert_eq!(browser.text(TILES), "user:{n}:profile|user:{n}:inbox|user:{n}:roles");
    browser.click(".crumbs li:first-child button");
    assert_eq!(browser.text(TILES), first);
    let focused = "return document.activeElement.dataset?.name ?? ''";
    assert_eq!(browser.text(focused), "user:", "the map takes up where it was left");

    // From the top of the map by Tab, along the tiles by an arrow, in by Enter, out by Backspace and Escape.
    browser.run("document.querySelector('#prefixes .crumbs button').focus()");
    browser.press(TAB);
    assert_eq!(browser.text(focused), "cache:");
    assert!(browser.text("return document.querySelector('.about').textContent").contains("cache:"));
    browser.press(RIGHT);
    assert_eq!(browser.text(focused), "session:");
    browser.press(ENTER);
    assert_eq!(browser.text(CRUMBS), "all keys|session:");
    assert_eq!(browser.text(focused), "session:{uuid}");
    browser.press(ENTER);
    assert_eq!(browser.text(CRUMBS), "all keys|session:", "a leaf opens nothing");
    browser.press(BACKSPACE);
    assert_eq!((browser.text(CRUMBS).as_str(), browser.text(focused).as_str()), ("all keys", "session:"));
    browser.run("document.querySelector('#treemap g').focus()");
    browser.press(&format!("{ENTER}{ENTER}"));
    assert_eq!(browser.text(CRUMBS), "all keys|cache:|cache:page:");
    browser.press(&format!("{ESCAPE}{ESCAPE}{ESCAPE}"));
    assert_eq!(browser.text(CRUMBS), "all keys");
    assert_quiet(&browser, &path);
}

#[test]
fn tables_are_sorted_and_searched_by_click_and_by_key() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&rich());
    browser.open(&path);
    let keys = "return [...document.querySelectorAll('#big-keys tbody tr:not([hidden])')]\
                .map(tr => tr.cells[0].textContent).join('|')";
    let head = |title: &str| format!("#big-keys thead th:nth-child({})", if title == "key" { 1 } else { 2 });
    let sorted = |browser: &Browser, title: &str| {
        browser.run(&format!("return document.querySelector('{}').getAttribute('aria-sort')", head(title)))
    };
    assert_eq!(sorted(&browser, "memory"), json!("descending"));
    assert!(browser.text(keys).starts_with("big:hash:0|big:list:1|big:set:2"), "{}", browser.text(keys));
    browser.click(&format!("{} button", head("memory")));
    assert_eq!(sorted(&browser, "memory"), json!("ascending"));
    assert!(browser.text(keys).starts_with("big:string:23|big:stream:22"), "{}", browser.text(keys));
    browser.run(&format!("document.querySelector('{} button').focus()", head("key")));
    browser.press(ENTER);
    assert_eq!((sorted(&browser, "key"), sorted(&browser, "memory")), (json!("ascending"), Value::Null));
    // Numbers in names count as numbers: 6 comes before 12.
    assert!(browser.text(keys).starts_with("big:hash:0|big:hash:6|big:hash:12"), "{}", browser.text(keys));

    browser.click("#big-keys .tools input");
    browser.press("ZSET:9");
    assert_eq!(browser.text(keys), "big:zset:9");
    assert_eq!(browser.text("return document.querySelector('#big-keys output').textContent"), "1 of 24 rows");
    browser.press(&BACKSPACE.repeat(6));
    assert_eq!(browser.text(keys).split('|').count(), 24);
    assert_quiet(&browser, &path);
}

#[test]
fn it_is_light_and_dark_narrow_and_on_paper() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&rich());
    let back = "return getComputedStyle(document.body).backgroundColor";
    let prefer = |scheme: &str| {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.devtools("Emulation.setEmulatedMedia", &features);
        // The page learns of it a moment later.
        browser.wait_for(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches"));
    };
    prefer("light");
    browser.open(&path);
    let light = browser.text(back);
    prefer("dark");
    let dark = browser.text(back);
    assert_ne!(light, dark);
    // The page is told of the change with its next frame, after the colours.
    browser.wait_for("document.getElementById('theme').textContent === 'Light colours'");
    browser.click("#theme");
    assert_eq!(browser.text(back), light, "a choice goes before the system's");

    for width in [320, 390, 768, 1280] {
        let screen = json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": false});
        browser.devtools("Emulation.setDeviceMetricsOverride", &screen);
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        browser.wait_for(fits);
        browser.wait_for("document.querySelector('#treemap svg').viewBox.baseVal.width <= innerWidth");
    }
    let words = contrast(&browser);
    assert!(words.is_empty(), "too little contrast: {words}");
    prefer("dark");
    browser.click("#theme");
    let words = contrast(&browser);
    assert!(words.is_empty(), "too little contrast in the dark: {words}");

    let closed = browser.run("return document.querySelectorAll('details:not([open])').length");
    assert!(closed.as_u64() > Some(0), "nothing is closed");
    let printed = browser.devtools("Page.printToPDF", &json!({}));
    assert!(printed["data"].as_str().is_some_and(|data| data.len() > 20_000 && data.starts_with("JVBERi0")));
    browser.run("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.run("return document.querySelectorAll('details:not([open])').length"), json!(0));
    assert_quiet(&browser, &path);
}

#[test]
fn it_stays_small_whatever_is_in_the_report() {
    let mut report = hostile();
    let wide = |byte: u8, number: usize| KeyName::whole(&[vec![byte; 2000], number.to_string().into_bytes()].concat());
    let worst = [b'"', b'&', b'\\', 0xff, b'<', b'\''];
    let heavy = |number: usize| wide(worst[number % worst.len()], number);
    let long_key = KeyName::long(&[b'<'; 1024], 1 << 20, [7; 32]);
    report.total.prefixes = (0..1_000_000u64)
        .map(|number| {
            let mut prefix = prefix(&format!("p<{number}>:"), number % 1000 + 1, 50, Vec::new());
            if number % 10_000 == 0 {
                prefix.prefix = heavy(usize::try_from(number).expect("a small number"));
                prefix.memory_bytes = Some(1 << 40);
            }
            prefix
        })
        .collect();
    let long = "\"&'<\u{202e}".repeat(300);
    let many = |from: &BigKey| {
        (0..1500)
            .map(|at| BigKey { key: heavy(at), source: long.clone(), ty: long.clone(), ..from.clone() })
            .collect::<Vec<_>>()
    };
    let first = BigKey { key: long_key, ..report.total.big_keys.by_memory[0].clone() };
    report.total.big_keys.by_memory = many(&first);
    report.total.big_keys.by_memory.push(first.clone());
    report.total.big_keys.by_serialized = (1500..2500).map(|at| BigKey { key: heavy(at), ..first.clone() }).collect();
    report.total.big_elements = (0..1500)
        .map(|at| BigElement { key: heavy(at), element: Some(heavy(at + 1)), ..report.total.big_elements[0].clone() })
        .collect();
    let group = StreamGroup { name: heavy(3), ..report.total.streams[0].groups[0].clone() };
    let stream = Stream { key: heavy(1), groups: vec![group; 50], ..report.total.streams[0].clone() };
    report.total.streams = vec![stream; 100];
    let hot = report.total.frequency.as_ref().expect("a frequency").hot_keys[0].clone();
    report.total.frequency.as_mut().expect("a frequency").hot_keys =
        (0..1500).map(|at| HotKey { key: heavy(at), ..hot.clone() }).collect();
    let cluster = report.total.cluster.as_mut().expect("a cluster");
    cluster.hot_slots = vec![cluster.hot_slots[0].clone(); 16_384];
    cluster.hash_tags = (0..1500).map(|at| TagShare { tag: heavy(at), ..cluster.hash_tags[0].clone() }).collect();
    report.total.ttl.storms = vec![Storm { at: long.clone(), seconds: 1, keys: 1, memory_bytes: None }; 5000];
    report.total.ttl.buckets = vec![TtlBucket { label: long.clone(), ..report.total.ttl.buckets[0].clone() }; 500];
    report.total.keyspace.databases = vec![report.total.keyspace.databases[0]; 10_000];
    report.total.keyspace.by_type = (0..1000).map(|at| (format!("{at}{long}"), share(1, 1))).collect();
    report.advice =
        vec![Advice { message: long.clone(), command: Some(long.clone()), ..report.advice[0].clone() }; 500];
    report.provenance.arguments = vec![long.clone(); 500];
    report.exit.reasons = vec![long.clone(); 500];
    let problem = Problem { message: long.clone(), ..report.integrity[0].integrity.problems[0].clone() };
    report.integrity[0].integrity.problems = vec![problem; 1000];
    report.integrity = vec![report.integrity[0].clone(); 20];
    report.provenance.sources =
        vec![SourceFacts { error: Some(long.clone()), ..report.provenance.sources[0].clone() }; 300];
    let idle_key =
        IdleKey { source: long.clone(), db: 0, key: heavy(3), ty: long.clone(), idle_seconds: 1, memory_bytes: None };
    report.total.idle = Some(Idle {
        keys: 1,
        average_by_type: (0..1000).map(|at| (format!("{at}{long}"), 1)).collect(),
        longest: vec![idle_key; 1500],
        ..Idle::default()
    });
    let buckets = |ends: u32| (0..ends).map(|power| SizeBucket { upto_bytes: u64::MAX >> power, keys: 1, bytes: 1 });
    let sizes = Sizes { distribution: buckets(64).collect(), ..Sizes::default() };
    report.total.sizes = (0..100).map(|at| (format!("{at}{long}"), sizes.clone())).collect();
    let keyspace = Keyspace { keys: 1, by_type: report.total.keyspace.by_type.clone(), ..Keyspace::default() };
    let prefixes = report.total.prefixes.iter().take(3).cloned().collect();
    let analysis = Analysis { keyspace, prefixes, ..Analysis::default() };
    let finding = |at: usize| Finding {
        rule: format!("X-{at}"),
        title: long.clone(),
        why: long.clone(),
        advice: long.clone(),
        ..crate::scan_render::sample::cron(heavy(at).head())
    };
    report.findings = Some((0..2000).map(finding).collect());
    report.scan = Some(ScanTotals { cannot_show: vec![long.clone(); 500], ..ScanTotals::default() });
    let source = report.integrity[0].source.clone();
    report.sources = vec![SourceAnalysis { source, analysis }; 300];

    let page = html(&report);
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    assert!(page.contains("more; --format json has them"));
    let Some(browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("report.html");
    std::fs::write(&path, page).expect("a file");
    browser.open(&path);
    browser.wait_for("document.querySelector('#treemap g[data-name]')");
    assert_quiet(&browser, &path);
}

#[test]
fn everything_is_there_without_the_script() {
    let page = html(&rich());
    let (head, rest) = page.split_once("</head>").expect("a head");
    let policy = "default-src 'none'; script-src 'sha256-";
    assert!(head.contains(policy) && !head.contains("unsafe"), "{head}");
    for text in [
        "Intact",
        "never expire: give them a TTL",
        "nothing changes until you run that",
        "109.0 MiB",
        "keys 100.0 MiB, tables 9.0 MiB",
        "measured on that server",
        "cache:page:",
        "session:{uuid}",
        "big:hash:0",
        "2026-01-01 03:00:00 UTC",
        "billing",
        "order17",
        "3 to 20,000 keys",
        "64 B – 128 B",
        "string 6,300, zset 6,300",
        "Not scanned",
        "rediscover analyze dump.rdb -o report.html",
        "sha256 <code",
    ] {
        let (body, script) = rest.rsplit_once("<script>").expect("a script");
        assert!(body.contains(text), "{text}");
        assert!(!script.contains("innerHTML"));
    }
    assert!(!rest.contains(" style=") && !rest.contains(" onclick="), "the policy forbids them");
}

#[test]
fn a_plan_estimates_idle_keys_and_sources_are_told() {
    let mut report = rich();
    report.plan = Some(PlanScript {
        file: "expire <all>.sh".into(),
        action: "expire:300".into(),
        checks: true,
        keys: 104_000,
        serialized_bytes: 12 << 20,
        memory_bytes: Some(25 << 20),
        left_out: LeftOut { expiring: 17, ..LeftOut::default() },
    });
    report.total.prefixes_sample = Some(PrefixSample { exact_depth: 1, sampled_keys: 200_000 });
    report.total.prefixes[0].keys_error = 1234;
    report.total.prefixes[0].bytes_error = 5 << 20;
    report.total.other_prefixes = Some(OtherKeys { keys: 4321, memory_bytes: Some(7 << 20) });
    report.total.ttl.storms[0].seconds = 8;
    report.total.idle = Some(Idle {
        keys: 412_345,
        average_by_type: BTreeMap::from([("hash".into(), 7200), ("string".into(), 400_000)]),
        longest: vec![IdleKey {
            source: "dump.rdb".into(),
            db: 0,
            key: KeyName::whole(b"forgotten:1"),
            ty: "hash".into(),
            idle_seconds: 40_000_000,
            memory_bytes: Some(900),
        }],
        ..Idle::default()
    });
    let second = SourceIntegrity { source: "other.rdb".into(), ..report.integrity[0].clone() };
    report.integrity.push(second);
    let facts = SourceFacts { source: "other.rdb".into(), ..report.provenance.sources[0].clone() };
    report.provenance.sources.push(facts);
    report.merged = true;
    report.sources = ["dump.rdb", "other.rdb"]
        .map(|name| SourceAnalysis { source: name.into(), analysis: report.total.clone() })
        .into();
    let page = html(&report);
    for text in [
        "expire &lt;all&gt;.sh</bdi>: <code>expire:300</code> of 104,000 keys, 25.0 MiB",
        "It looks at type and expiry of each key before. Left out: 17 with an expiry already.",
        "sh &#39;expire &lt;all&gt;.sh&#39; | less",
        "37.1 MiB <span class=\"pm\">±5.0 MiB</span>",
        "152,000 <span class=\"pm\">±1,234</span>",
        "<span>other keys</span><span class=\"n\">7.0 MiB</span>",
        "that expire within 8 seconds",
        "On average: hash 2h, string 4d.",
        "forgotten:1",
        "2 shards of one keyspace",
        "no key is in two of them",
        "412,345 keys, 109.0 MiB in memory",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    report.total.cluster.as_mut().expect("a cluster").tagged_keys = 0;
    assert!(!html(&report).contains("id=\"cluster\""), "slots say nothing where no cluster is and no key has a tag");
}

#[test]
fn prefixes_are_found_with_the_way_to_them() {
    let Some(browser) = Browser::start() else { return };
    let (_folder, path) = page(&rich());
    browser.open(&path);
    let shown = "return [...document.querySelectorAll('.tree .k')].filter(k => k.checkVisibility()).map(k => k.textContent).join('|')";
    let first = browser.text(shown);
    assert!(first.starts_with("cache:|session:|user:|"), "{first}");
    browser.click("#prefixes .tools input");
    browser.press("PRODUCT html");
    assert_eq!(browser.text(shown), "cache:|cache:product:|cache:product:{n}:html");
    assert_eq!(browser.text("return document.querySelector('#prefixes output').textContent"), "1 of 18 prefixes");
    browser.press(&BACKSPACE.repeat(12));
    assert_eq!(browser.text(shown), first);
    assert_quiet(&browser, &path);
}

#[test]
fn nothing_read_and_no_memory_known_are_said() {
    let mut report = rich();
    report.total.keyspace.memory_bytes = None;
    report.total.memory_model = None;
    let page = html(&report);
    assert!(page.contains("bytes as stored in the file stand in for memory"), "{page}");
    let mut report = rich();
    report.total = Analysis::default();
    report.integrity = Vec::new();
    report.provenance.sources[0].error = Some("cannot open: no such file".into());
    let page = html(&report);
    assert!(page.contains("Nothing could be read") && page.contains("cannot open: no such file"), "{page}");
    assert!(!page.contains("asks for a change"), "{page}");
}
