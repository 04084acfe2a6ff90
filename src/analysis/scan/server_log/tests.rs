use super::*;
use crate::base::Cancel;

fn scanned(log: &[u8]) -> (Vec<Finding>, bool) {
    let rules = Arc::new(RuleSet::builtin().expect("the rules load"));
    let mut told = Told::new(100);
    let mut stream = Stream::from_reader("redis.log", std::io::Cursor::new(log.to_vec())).expect("a stream");
    let proof = scan(&mut stream, None, &rules, &Cancel::default(), &mut told).expect("it is read");
    let mut findings = told.findings().to_vec();
    findings.sort_by_key(|finding| (finding.offset, finding.rule.clone()));
    (findings, proof.proven)
}

fn rules(log: &str) -> Vec<(String, Threat)> {
    let (findings, _) = scanned(log.as_bytes());
    findings
        .into_iter()
        .filter(|finding| finding.rule != "LOG-10")
        .map(|finding| (finding.rule, finding.severity))
        .collect()
}

fn one(id: &str, severity: Threat) -> Vec<(String, Threat)> {
    vec![(id.to_owned(), severity)]
}

fn line(second: u32, text: &str) -> String {
    format!("12:M 23 Nov 2026 10:{:02}:{:02}.000 * {text}\n", second / 60, second % 60)
}

#[test]
fn a_rogue_master_from_the_order_to_the_way_back() {
    let user = "(user request from 'id=7 addr=203.0.113.9:4242 laddr=192.0.2.1:6379 fd=8 name= age=0')";
    let mut log = line(0, &format!("REPLICAOF 203.0.113.9:21000 enabled {user}"));
    for second in 1..4 {
        log += &line(second, &format!("Full resync from master: {}:1", "Z".repeat(40)));
    }
    log += &line(5, "Wrong signature trying to load DB from file");
    log += &line(6, "Module 'system' loaded from /tmp/red2.so");
    log += &line(20, &format!("MASTER MODE enabled {user}"));
    let (findings, proven) = scanned(log.as_bytes());
    let told: Vec<_> = findings
        .iter()
        .filter(|finding| finding.rule.starts_with("LOG-") && finding.rule != "LOG-10")
        .map(|finding| (finding.rule.as_str(), finding.severity, finding.matches))
        .collect();
    assert_eq!(
        told,
        [
            ("LOG-01", Threat::High, 1),
            ("LOG-03", Threat::Critical, 3),
            ("LOG-04", Threat::Critical, 1),
            ("LOG-05", Threat::Critical, 1),
            ("LOG-02", Threat::High, 1),
        ]
    );
    assert!(proven);
    let first = findings.iter().find(|finding| finding.rule == "LOG-01").expect("a finding");
    assert!(first.notes.iter().any(|note| note == "client 203.0.113.9:4242"), "{:?}", first.notes);
    assert!(first.notes.iter().any(|note| note == "master 203.0.113.9:21000"), "{:?}", first.notes);
    assert!(
        first.notes.iter().any(|note| note == "at 2026-11-23T10:00:00.000Z if the server's zone is UTC"),
        "{:?}",
        first.notes
    );
    assert_eq!(first.element.as_ref().and_then(|element| element.line), Some(1));
    let back = findings.iter().find(|finding| finding.rule == "LOG-02").expect("a finding");
    assert!(back.notes.iter().any(|note| note == "it was a replica for 20 s, by the same address"), "{:?}", back.notes);
}

#[test]
fn what_is_usual_is_less() {
    let replid = "Full resync from master: 8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb:1";
    assert_eq!(rules(&line(0, replid)), one("LOG-03", Threat::Info));
    let sentinel =
        "REPLICAOF 192.0.2.7:6379 enabled (user request from 'id=3 addr=192.0.2.8:40 name=sentinel-1a2b-cmd')";
    assert_eq!(rules(&line(0, sentinel)), one("LOG-01", Threat::Low));
    assert_eq!(
        rules(&line(0, "Module 'ReJSON' loaded from /opt/redis-stack/lib/rejson.so")),
        one("LOG-05", Threat::Info)
    );
    assert_eq!(rules(&line(0, "Module /usr/lib/x.so failed to load: x")), one("LOG-05", Threat::Low));
    assert_eq!(rules(&line(0, "Module /dev/shm/x.so failed to load: x")), one("LOG-05", Threat::High));
    assert_eq!(rules(&line(0, "Wrong signature trying to load DB from file")), one("LOG-04", Threat::Medium));
    assert_eq!(rules(&line(0, "Ready to accept connections tcp")), []);
}

#[test]
fn where_it_could_not_save() {
    let failed = |dir: &str| {
        line(
            0,
            &format!(
                "Failed opening the temp RDB file temp-12.rdb (in server root dir {dir}) for saving: Permission denied"
            ),
        )
    };
    for dir in ["/etc/cron.d", "/var/spool/cron/crontabs", "/root/.ssh", "/var/www/html"] {
        assert_eq!(rules(&failed(dir)), one("LOG-08", Threat::High), "{dir}");
    }
    assert_eq!(rules(&failed("/var/lib/redis")), one("LOG-08", Threat::Low));
}

#[test]
fn crashes_are_graver_near_commands_that_exploits_use() {
    let report = |inside: &str| {
        format!(
            "12:M 23 Nov 2026 10:00:00.000 # \n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n{inside}\n=== REDIS BUG REPORT END. ===\n"
        )
    };
    assert_eq!(rules(&report("argv[0] = 'get'")), one("LOG-07", Threat::Medium));
    assert_eq!(rules(&report("argv[0] = '\"PFCOUNT\"'")), one("LOG-07", Threat::High));
    assert_eq!(rules(&report("/usr/bin/redis-server(evalGenericCommand+0x1)[0x55]")), one("LOG-07", Threat::High));
    assert_eq!(rules(&report("the evaluation of medieval texts")), one("LOG-07", Threat::Medium));
}

#[test]
fn bursts_of_saves() {
    let saves = |seconds: &[u32]| seconds.iter().map(|second| line(*second, "DB saved on disk")).collect::<String>();
    assert_eq!(rules(&saves(&[0, 10, 20, 30, 59])), one("LOG-09", Threat::Medium));
    assert_eq!(rules(&saves(&[0, 20, 40, 61, 81, 101])), []);
    let (findings, _) = scanned(saves(&[0, 1, 2, 3, 4, 5, 6, 200, 201, 202, 203, 204]).as_bytes());
    let counts: Vec<_> =
        findings.iter().filter(|finding| finding.rule == "LOG-09").map(|finding| finding.matches).collect();
    assert_eq!(counts, [7, 5]);
}

#[test]
fn what_is_missing_is_said() {
    let gaps = |log: &[u8]| {
        let (findings, _) = scanned(log);
        findings
            .into_iter()
            .filter(|finding| finding.rule == "LOG-10")
            .map(|finding| finding.excerpt)
            .collect::<Vec<_>>()
    };
    let begin = "12:C 23 Nov 2026 10:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n";
    assert_eq!(gaps(begin.as_bytes()), Vec::<String>::new());
    assert_eq!(gaps(line(0, "a").as_bytes()).len(), 1, "it begins in the middle");
    let later = "12:M 26 Nov 2026 10:00:00.000 * a\n";
    assert_eq!(gaps(format!("{begin}{later}").as_bytes()), ["nothing for 72 hours before this line"]);
    let earlier = "12:M 23 Nov 2026 09:00:00.000 * a\n";
    assert_eq!(gaps(format!("{begin}{earlier}").as_bytes()), ["the clock goes back by 3600 s"]);
    assert_eq!(gaps(format!("{begin}12:M 23 Nov 2026 10:00:").as_bytes()).len(), 1);
    assert_eq!(gaps(format!("{begin}\0\0\0\n").as_bytes()).len(), 1);
}

#[test]
fn any_bytes_pass() {
    let mut long = b"12:M 23 Nov 2026 10:00:00.000 * Possible SECURITY ATTACK detected. ".to_vec();
    long.resize(3 << 20, b'x');
    long.extend_from_slice(
        b"\n12:M 23 Nov 2026 10:00:01.000 * Module ' loaded from \n\xff\xfe\n enabled (user request from '",
    );
    let (findings, _) = scanned(&long);
    assert_eq!(findings.iter().filter(|finding| finding.rule == "LOG-06").count(), 1);
}
