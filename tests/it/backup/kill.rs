//! A create or a prune that is ended at any moment, gently or not: what is recorded as good is whole, and the next one works.

use super::{Desk, all, code, dump};
use crate::support::usage::Random;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq)]
enum With {
    Term,
    Kill,
}

fn end(child: &mut Child, with: With) {
    match with {
        With::Kill => child.kill().expect("killed"),
        With::Term => {
            let pid = child.id().to_string();
            // It may have ended by itself.
            let _ = std::process::Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn whenever_it_is_ended_what_is_recorded_is_whole() {
    let desk = Desk::new();
    let source = desk.write("dump.rdb", &dump(3000, 1));
    let begun = Instant::now();
    desk.good(&source, "prod", &[]);
    let usual = u64::try_from(begun.elapsed().as_micros()).expect("short");
    let mut random = Random(0x0dd5_eed5);
    let (mut ended, mut recorded) = (0, 1);
    for moment in 0..50u64 {
        let with = if moment % 2 == 0 { With::Kill } else { With::Term };
        let arguments = ["backup", "create", "dump.rdb", "--instance", "prod"];
        let mut child = desk.command(&arguments).spawn().expect("it starts");
        // The fifty moments lie all over its time, with some chance in each.
        let wait = usual * moment / 50 + random.below(usual / 50 + 1);
        thread::sleep(Duration::from_micros(wait));
        end(&mut child, with);
        let output = child.wait_with_output().expect("it ends");
        let about = format!("{with:?} after {wait} µs");
        if output.status.success() {
            recorded += 1;
        } else {
            ended += 1;
            if with == With::Term {
                assert!(matches!(output.status.code(), Some(143) | None), "{about}: {}", all(&output));
            }
        }
        let (_, list) = desk.json(&["backup", "list"]);
        let found = list["backups"].as_array().expect("backups").len();
        assert!(list["unreadable"].as_array().is_some_and(Vec::is_empty), "{about}: {list:#}");
        // One that was ended after its manifest was written is there all the same.
        assert!(found == recorded || found == recorded + 1, "{about}: {found}, not {recorded}");
        recorded = found;
        if with == With::Term && !output.status.success() && moment > 0 {
            let unfinished = super::files(&desk.repo());
            let half = unfinished.iter().filter(|file| file.contains("/.rediscover-")).count();
            assert!(half <= ended, "{about}: {unfinished:?}");
        }
    }
    assert!(ended >= 10, "only {ended} were ended in the middle");
    desk.good(&source, "prod", &[]);
    let verified = desk.run(&["backup", "verify", "--all", "--level", "full"]);
    assert_eq!(code(&verified), 0, "{}", all(&verified));
    let (_, list) = desk.json(&["backup", "list"]);
    for backup in list["backups"].as_array().expect("backups") {
        assert_eq!(backup["status"], "good", "{backup:#}");
    }
}

/// The program, killed while it removes: what still has a manifest is whole, and the next one ends it.
#[test]
fn whenever_a_prune_is_killed_what_is_recorded_is_whole() {
    let mut random = Random(0x0dd5_eed6);
    let desk = Desk::new();
    let source = desk.write("dump.rdb", &dump(10, 1));
    let prune = ["backup", "prune", "--keep-last", "2", "--apply"];
    let stock = || (0..6).for_each(|_| drop(desk.good(&source, "prod", &[])));
    stock();
    let begun = Instant::now();
    assert_eq!(code(&desk.run(&prune)), 0);
    let usual = u64::try_from(begun.elapsed().as_micros()).expect("short");
    let mut ended = 0;
    for moment in 0..50u64 {
        stock();
        let mut child = desk.command(&prune).spawn().expect("it starts");
        let wait = usual * moment / 50 + random.below(usual / 50 + 1);
        thread::sleep(Duration::from_micros(wait));
        end(&mut child, With::Kill);
        let killed = !child.wait_with_output().expect("it ends").status.success();
        ended += u32::from(killed);
        let about = format!("killed after {wait} µs");
        let (exit, report) = desk.json(&["backup", "verify", "--all", "--level", "full"]);
        assert_eq!(exit, 0, "{about}: {report:#}");
        let left = report["results"].as_array().expect("results").len();
        assert!(left >= 2, "{about}: {left}");
        // Its lock would end by itself in an hour.
        assert_eq!(code(&desk.run(&["backup", "unlock"])), 0, "{about}");
        let again = desk.run(&prune);
        assert_eq!(code(&again), 0, "{about}: {}", all(&again));
        assert_eq!(desk.json(&["backup", "list"]).1["backups"].as_array().map(Vec::len), Some(2), "{about}");
    }
    assert!(ended >= 10, "only {ended} were killed in the middle");
}

#[test]
fn a_signal_in_the_middle_leaves_nothing() {
    let desk = Desk::new();
    desk.good(&desk.write("dump.rdb", &dump(10, 1)), "prod", &[]);
    let before = desk.objects();
    let mut child = desk
        .command(&["backup", "create", "-", "--instance", "prod"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    let bytes = dump(3000, 2);
    let mut pipe = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut pipe, &bytes[..bytes.len() / 2]).expect("written");
    let since = Instant::now();
    while desk.objects().len() == before.len() {
        assert!(since.elapsed() < Duration::from_mins(1), "nothing is written");
        thread::sleep(Duration::from_millis(5));
    }
    end(&mut child, With::Term);
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 143, "{}", all(&output));
    assert_eq!(desk.objects(), before);
    assert_eq!(code(&desk.run(&["backup", "verify", "--all"])), 0);
}
