//! Every console block of the README shows what the program prints. `UPDATE_README=1 cargo test readme` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

/// What a shell prints for a line of a console block, both streams, with the exit code if it is not 0.
fn run(line: &str) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_rediscover"));
    let path = format!("{}:{}", bin.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("{line} 2>&1")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", path)
        .envs([("REDISCOVER_REPO", "target/readme/repo"), ("REDISCOVER_STATE", "target/readme/state")])
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        text.push_str(&format!("[exit {code}]\n"));
    }
    text
}

/// What differs from run to run: the age of a fixture, moments, hashes, keys, how long it took.
fn ageless(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, with) in [
        (r", [\d,]+ (second|minute|hour|day)s? ago", ", … ago"),
        (r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{6}", "20261124T030000.123Z-3f9a1c"),
        (r"(3f9a1c )[0-9a-f]{8,}", "${1}5b0c…"),
        (r"(signed by |, id )[0-9A-F]{16}", "${1}8C1F…"),
        (r"\d+ ms", "… ms"),
        (r"( +)\d+ s +(\d)", "${1}5 s   ${2}"),
        (r"(  prod/)\d{8}T\d*…", "${1}20261124T0…"),
        (r"20\d\d-\d\d-\d\d (manifest|stored|full)", "2026-11-24 ${1}"),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
    }
    text
}

#[test]
fn readme_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("README.md");
    // A new host.
    let _ = std::fs::remove_dir_all(root.join("target/readme"));
    let readme = std::fs::read_to_string(&file).unwrap();
    let mut now = String::new();
    let mut rest = readme.as_str();
    let mut commands = 0;
    while let Some((before, block)) = rest.split_once("```console\n") {
        let (block, after) = block.split_once("```").unwrap();
        now.push_str(before);
        now.push_str("```console\n");
        for line in block.lines().filter(|line| line.starts_with("$ ")) {
            commands += 1;
            now.push_str(line);
            now.push('\n');
            now.push_str(&run(&line[2..]));
        }
        now.push_str("```");
        rest = after;
    }
    now.push_str(rest);
    assert!(commands > 0, "no console block in README.md");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&file, ageless(&now)).unwrap();
    } else {
        assert_eq!(ageless(&now), ageless(&readme));
    }
}
