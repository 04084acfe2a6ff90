//! The map in lib.rs is true: who imports whom, who may print, where `unsafe` stands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may hold `unsafe`, each with its reason.
const UNSAFE: &[(&str, &str)] = &[];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file with its path under src/.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![src()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let name = path.strip_prefix(src()).expect("under src").to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "this is not src");
    found
}

/// What is compiled into the library: without comments and without its tests, which stand last in a file.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let uncommented = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
    text.get(..end).unwrap_or(text).lines().map(uncommented).collect()
}

/// The library's own files: not the command line, not tests.
fn library() -> Vec<(String, String)> {
    let own =
        |name: &str| !name.starts_with("cli/") && !matches!(name, "main.rs" | "lib.rs") && !name.ends_with("tests.rs");
    files().into_iter().filter(|(name, _)| own(name)).map(|(name, text)| (name, code(&text))).collect()
}

/// The table of lib.rs: lines of a floor's number, a folder, and what it is.
fn floors() -> BTreeMap<String, u32> {
    let map = fs::read_to_string(src().join("lib.rs")).expect("lib.rs");
    let table = map.lines().skip_while(|line| !line.starts_with("//! floor  folder")).skip(1);
    let rows = table.take_while(|line| *line != "//! ```").map(|line| {
        let mut words = line.trim_start_matches("//!").split_whitespace();
        let floor = words.next().and_then(|word| word.parse().ok());
        let folder = words.next().map(str::to_owned);
        assert!(words.next().is_some(), "what is it? {line}");
        (folder.expect("a folder"), floor.expect("a floor's number"))
    });
    rows.collect()
}

/// The first words after every `crate::`, also in `use crate::{a::…, b::…}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let Some(group) = after.strip_prefix('{') else {
            found.insert(word(after));
            continue;
        };
        let mut depth = 0u32;
        let mut at_word = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_word = true,
                c if at_word && c.is_alphabetic() => {
                    found.insert(word(&group[at..]));
                    at_word = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn the_table_names_every_folder() {
    let known: BTreeSet<String> = floors().into_keys().collect();
    let there =
        fs::read_dir(src()).expect("src").map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_dir());
    let mut there: BTreeSet<String> = there.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(there.remove("cli"));
    assert_eq!(known, there, "the table in lib.rs and the folders of src differ");
}

#[test]
fn a_module_imports_only_from_lower_floors() {
    let floors = floors();
    let mut wrong = Vec::new();
    for (name, code) in library() {
        let folder = name.split('/').next().unwrap_or_default();
        for other in imports(&code).iter().filter(|other| *other != folder) {
            match (floors.get(folder), floors.get(other)) {
                (Some(own), Some(lower)) if lower < own => {}
                (own, floor) => wrong.push(format!("src/{name} (floor {own:?}) imports {other} (floor {floor:?})")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn imports_are_found_in_groups_too() {
    let found = imports("use crate::{base::{Flaw, Kind}, rdb::Item};\nlet x = crate::report::Verdict::Intact;");
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["base", "rdb", "report"]);
}

#[test]
fn the_command_line_sees_only_what_the_library_exports() {
    for (name, text) in files().into_iter().filter(|(name, _)| name.starts_with("cli/")) {
        let outside: Vec<_> = imports(&code(&text)).into_iter().filter(|other| other != "cli").collect();
        assert!(outside.is_empty(), "src/{name}: {outside:?}");
        assert!(!text.contains("#[path"), "src/{name}");
    }
}

#[test]
fn only_the_command_line_prints_or_asks_the_environment_or_the_clock() {
    let asked = [
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "dbg!",
        "std::env",
        "env::var",
        "SystemTime",
        "Instant::",
        "Timestamp::now",
        "process::exit",
    ];
    let mut wrong = Vec::new();
    for (name, code) in library() {
        wrong.extend(asked.iter().filter(|word| code.contains(**word)).map(|word| format!("src/{name}: {word}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_stands_only_where_it_is_listed() {
    for (name, text) in files() {
        let is_word = |at: usize| {
            let around = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            around(text[..at].chars().next_back()) && around(text[at + "unsafe".len()..].chars().next())
        };
        let there = text.match_indices("unsafe").any(|(at, _)| is_word(at));
        let listed = UNSAFE.iter().any(|(file, _)| *file == name);
        assert_eq!(there, listed, "src/{name}: `unsafe` and the list in this test do not agree");
    }
}
