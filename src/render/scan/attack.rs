//! MITRE ATT&CK: to which tactics a technique belongs.

/// Techniques, each with the tactics it serves.
const TECHNIQUES: &[(&str, &[&str])] = &[
    ("T1005", &["TA0009"]),
    ("T1021", &["TA0008"]),
    ("T1027", &["TA0005"]),
    ("T1036", &["TA0005"]),
    ("T1041", &["TA0010"]),
    ("T1048", &["TA0010"]),
    ("T1053", &["TA0002", "TA0003", "TA0004"]),
    ("T1056", &["TA0006", "TA0009"]),
    ("T1059", &["TA0002"]),
    ("T1068", &["TA0004"]),
    ("T1070", &["TA0005"]),
    ("T1071", &["TA0011"]),
    ("T1078", &["TA0001", "TA0003", "TA0004", "TA0005"]),
    ("T1090", &["TA0011"]),
    ("T1098", &["TA0003", "TA0004"]),
    ("T1102", &["TA0011"]),
    ("T1105", &["TA0011"]),
    ("T1110", &["TA0006"]),
    ("T1129", &["TA0002"]),
    ("T1140", &["TA0005"]),
    ("T1189", &["TA0001"]),
    ("T1190", &["TA0001"]),
    ("T1203", &["TA0002"]),
    ("T1210", &["TA0008"]),
    ("T1213", &["TA0009"]),
    ("T1485", &["TA0040"]),
    ("T1486", &["TA0040"]),
    ("T1489", &["TA0040"]),
    ("T1490", &["TA0040"]),
    ("T1491", &["TA0040"]),
    ("T1496", &["TA0040"]),
    ("T1498", &["TA0040"]),
    ("T1499", &["TA0040"]),
    ("T1505", &["TA0003"]),
    ("T1528", &["TA0006"]),
    ("T1539", &["TA0006"]),
    ("T1543", &["TA0003", "TA0004"]),
    ("T1546", &["TA0003", "TA0004"]),
    ("T1547", &["TA0003", "TA0004"]),
    ("T1550", &["TA0005", "TA0008"]),
    ("T1552", &["TA0006"]),
    ("T1555", &["TA0006"]),
    ("T1562", &["TA0005"]),
    ("T1564", &["TA0005"]),
    ("T1565", &["TA0040"]),
    ("T1567", &["TA0010"]),
    ("T1571", &["TA0011"]),
    ("T1572", &["TA0011"]),
    ("T1573", &["TA0011"]),
    ("T1574", &["TA0003", "TA0004", "TA0005"]),
    ("T1611", &["TA0004"]),
    ("T1620", &["TA0005"]),
    ("T1657", &["TA0040"]),
];

/// Names of tactics by their ids.
const TACTICS: &[(&str, &str)] = &[
    ("TA0001", "Initial Access"),
    ("TA0002", "Execution"),
    ("TA0003", "Persistence"),
    ("TA0004", "Privilege Escalation"),
    ("TA0005", "Defense Evasion"),
    ("TA0006", "Credential Access"),
    ("TA0008", "Lateral Movement"),
    ("TA0009", "Collection"),
    ("TA0010", "Exfiltration"),
    ("TA0011", "Command and Control"),
    ("TA0040", "Impact"),
];

/// The technique of a subtechnique, or the technique itself: `T1053` of `T1053.003`.
pub(super) fn technique(id: &str) -> &str {
    id.split_once('.').map_or(id, |(technique, _)| technique)
}

/// The tactics of techniques, each with its name, by id and without repeats. One that is not in the table has none.
pub(super) fn tactics<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<(&'static str, &'static str)> {
    let mut found: Vec<&str> = Vec::new();
    for id in ids {
        let known = TECHNIQUES.iter().find(|(technique, _)| *technique == self::technique(id));
        found.extend(known.map(|(_, tactics)| *tactics).unwrap_or_default());
    }
    TACTICS.iter().copied().filter(|(id, _)| found.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtechnique_has_the_tactics_of_its_technique() {
        let names = |ids: &[&str]| tactics(ids.iter().copied()).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names(&["T1105", "T1059.004"]), ["Execution", "Command and Control"]);
        assert_eq!(names(&["T0000"]), [""; 0]);
    }

    #[test]
    fn every_tactic_has_a_name_and_the_table_is_in_order() {
        assert!(TECHNIQUES.is_sorted_by_key(|(id, _)| *id));
        for (id, tactics) in TECHNIQUES {
            assert!(tactics.iter().all(|tactic| TACTICS.iter().any(|(known, _)| known == tactic)), "{id}");
        }
    }
}
