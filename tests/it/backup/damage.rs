//! Whatever is changed, removed or put elsewhere in a repository: `backup verify` finds it.

use super::{Desk, all, code, dump, files};
use crate::support::usage::Random;
use std::fs;
use std::path::Path;

/// Three backups with all that can be said of them, and the record of a prune of a fourth.
fn stocked() -> (Desk, Vec<String>) {
    let desk = Desk::new();
    let mut names = Vec::new();
    for number in 1..=4 {
        let source = desk.write("dump.rdb", &dump(10 + number, number));
        names.push(desk.good(&source, "prod", &[]));
    }
    let pruned = desk.run(&["backup", "prune", "--keep-last", "3", "--apply"]);
    assert_eq!(code(&pruned), 0, "{}", all(&pruned));
    names.remove(0);
    let tagged = desk.run(&["backup", "tag", "latest", "+weekly", "--pin"]);
    assert_eq!(code(&tagged), 0, "{}", all(&tagged));
    assert_eq!(verify(&desk, "stored"), 0);
    let kinds =
        ["SHA256SUMS", "dump.rdb.zst", "manifest.json", "manifest.json.minisig", ".tags.json", ".pin.json", "pruned/"];
    for kind in kinds {
        assert!(desk.objects().iter().any(|object| object.contains(kind)), "no {kind} in {:?}", desk.objects());
    }
    (desk, names)
}

fn verify(desk: &Desk, level: &str) -> i32 {
    code(&desk.run(&["backup", "verify", "--all", "--level", level, "--no-record"]))
}

/// Does something to the repository, looks, and puts everything back.
fn finds(desk: &Desk, about: &str, change: impl FnOnce(&Path)) {
    let (repo, kept) = (desk.repo(), desk.path("kept"));
    copy_folder(&repo, &kept);
    change(&repo);
    let output = desk.run(&["backup", "verify", "--all", "--no-record"]);
    assert_eq!(code(&output), 3, "{about} was not found: {}", all(&output));
    fs::remove_dir_all(&repo).expect("removed");
    fs::rename(&kept, &repo).expect("put back");
}

fn copy_folder(from: &Path, to: &Path) {
    for file in files(from) {
        let place = to.join(&file);
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        fs::copy(from.join(&file), place).expect("copied");
    }
}

#[test]
fn one_byte_that_is_another_one_is_found_wherever_it_is() {
    let (desk, _) = stocked();
    let mut random = Random(0x5eed);
    let mut changes = 0;
    for object in desk.objects().into_iter().filter(|object| object != "repository.json") {
        let path = desk.repo().join(&object);
        let before = fs::read(&path).expect("an object");
        let last = before.len() as u64 - 1;
        let mut places = vec![0, 1, last / 4, last / 2, last - 1, last];
        places.extend((0..3).map(|_| random.below(last)));
        // Every line of a small document, where its fields differ in kind.
        let lines = before.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at as u64);
        if before.len() < 1000 {
            places.extend(lines.flat_map(|at| [at, at.saturating_sub(2)]));
        }
        places.sort_unstable();
        places.dedup();
        for at in places {
            let flip = [0x01, 0x20, 0x80][usize::try_from(random.below(3)).expect("small")];
            let mut changed = before.clone();
            changed[usize::try_from(at).expect("small")] ^= flip;
            fs::write(&path, &changed).expect("written");
            let found = verify(&desk, "stored");
            assert_eq!(found, 3, "{object}: byte {at} of {} flipped by {flip:#x} was not found", before.len());
            changes += 1;
        }
        // Cut, and longer.
        for changed in [&before[..before.len() - 1], &[&*before, b"\n"].concat()] {
            fs::write(&path, changed).expect("written");
            assert_eq!(verify(&desk, "stored"), 3, "{object}: {} bytes for {}", changed.len(), before.len());
        }
        fs::write(&path, &before).expect("written");
    }
    assert_eq!(verify(&desk, "full"), 0, "everything is as it was");
    assert!(changes > 150, "{changes}");
}

#[test]
fn what_is_gone_is_found() {
    let (desk, names) = stocked();
    for (about, name) in [("the oldest", &names[0]), ("one in the middle", &names[1]), ("the newest", &names[2])] {
        finds(&desk, about, |repo| fs::remove_dir_all(repo.join(name)).expect("removed"));
    }
    finds(&desk, "the two newest", |repo| {
        fs::remove_dir_all(repo.join(&names[2])).expect("removed");
        fs::remove_dir_all(repo.join(&names[1])).expect("removed");
    });
    for file in ["dump.rdb.zst", "SHA256SUMS", "manifest.json.minisig", "manifest.json"] {
        finds(&desk, file, |repo| fs::remove_file(repo.join(&names[1]).join(file)).expect("removed"));
    }
    finds(&desk, "the record of the prune", |repo| fs::remove_dir_all(repo.join("prod/pruned")).expect("removed"));
    finds(&desk, "signatures of sidecars", |repo| {
        for file in files(repo).iter().filter(|file| file.ends_with(".tags.json.minisig")) {
            fs::remove_file(repo.join(file)).expect("removed");
        }
    });
    finds(&desk, "signatures of the records", |repo| {
        for file in files(repo).iter().filter(|file| file.contains("/pruned/") && file.ends_with(".minisig")) {
            fs::remove_file(repo.join(file)).expect("removed");
        }
    });
}

#[test]
fn that_the_newest_is_gone_shows_against_a_head_alone() {
    let (desk, names) = stocked();
    let head = fs::read_dir(desk.path("state/heads")).expect("heads").next().expect("one").expect("one").path();
    let head = fs::read_to_string(head).expect("a head");
    fs::remove_dir_all(desk.repo().join(&names[2])).expect("removed");
    let key = desk.path("state/signing.pub");
    let elsewhere =
        ["backup", "verify", "--all", "--state", "other", "--trusted-key", key.to_str().expect("text"), "--no-record"];
    let output = desk.run(&elsewhere);
    assert_eq!(code(&output), 0, "{}", all(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("whether the newest are gone cannot be known"));
    let output = desk.run(&[&elsewhere[..], &["--head", head.trim()]].concat());
    assert_eq!(code(&output), 3, "{}", all(&output));
    desk.write("heads", head.as_bytes());
    assert_eq!(code(&desk.run(&[&elsewhere[..], &["--head", "heads"]].concat())), 3);
}

#[test]
fn what_was_put_in_another_place_is_found() {
    let (desk, names) = stocked();
    let replace = |repo: &Path, from: &str, to: &str, files: &[&str]| {
        for file in files {
            fs::copy(repo.join(from).join(file), repo.join(to).join(file)).expect("copied");
        }
    };
    finds(&desk, "an older manifest", |repo| {
        replace(repo, &names[0], &names[1], &["manifest.json", "manifest.json.minisig"]);
    });
    finds(&desk, "an older backup in the place of the newest", |repo| {
        replace(repo, &names[0], &names[2], &["manifest.json", "manifest.json.minisig", "SHA256SUMS", "dump.rdb.zst"]);
    });
    finds(&desk, "the payload of another", |repo| replace(repo, &names[0], &names[1], &["dump.rdb.zst"]));
    finds(&desk, "the signature of another", |repo| replace(repo, &names[0], &names[1], &["manifest.json.minisig"]));
    let sidecar = |ending: &str| {
        let found = desk.objects().into_iter().find(|object| object.starts_with(&names[2]) && object.ends_with(ending));
        found.expect("a sidecar").rsplit('/').next().expect("a name").to_owned()
    };
    let (tags, pin) = (sidecar(".tags.json"), sidecar(".pin.json"));
    let signature = |name: &str| format!("{name}.minisig");
    finds(&desk, "a sidecar of another backup", |repo| {
        replace(repo, &names[2], &names[0], &[&pin, &signature(&pin)]);
    });
    finds(&desk, "a sidecar of another backup without its signature", |repo| {
        replace(repo, &names[2], &names[0], &[&tags]);
    });
    finds(&desk, "a sidecar under another time", |repo| {
        let folder = repo.join(&names[2]);
        for end in ["", ".minisig"] {
            let later = format!("20990101T000000.000Z-000000.pin.json{end}");
            fs::copy(folder.join(format!("{pin}{end}")), folder.join(later)).expect("copied");
        }
    });
    finds(&desk, "the signature of another sidecar", |repo| {
        let folder = repo.join(&names[2]);
        fs::copy(folder.join(signature(&tags)), folder.join(signature(&pin))).expect("copied");
    });
}

/// A manifest that was really written for this name, by this host: rolled back together with all that came after it.
#[test]
fn a_manifest_that_was_signed_before_is_found_by_what_names_it() {
    let (desk, names) = stocked();
    let (repo, other) = (desk.repo(), desk.path("other"));
    copy_folder(&repo, &other);
    // The same host signs another manifest for the same name: the attacker has the key, not the later backups.
    let manifest = repo.join(&names[1]).join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest").replacen("\"tags\": []", "\"tags\": [ ]", 1);
    let secret = fs::read_to_string(desk.path("state/signing.key")).expect("a key");
    let signer = rediscover::repository::Signer::parse(&secret).expect("a key");
    let signature = signer.sign(text.as_bytes(), &format!("{}/manifest.json", names[1])).expect("signed");
    fs::write(&manifest, &text).expect("written");
    fs::write(repo.join(&names[1]).join("manifest.json.minisig"), signature).expect("written");
    let output = desk.run(&["backup", "verify", "--all", "--no-record"]);
    assert_eq!(code(&output), 3, "{}", all(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("was replaced"), "{}", all(&output));
}
