//! Findings as comma-separated values. Bytes of the input are escaped; a cell that begins as a formula does, or with `'`, has
//! a `'` before it.

use crate::render::keys::csv::FORMULA;
use crate::report::{KeyName, Locator, ScanReport, printable};
use std::io::{self, Write};

const COLUMNS: &str = "severity,confidence,rule,rule_version,title,category,story,source,file,db,key,type,where,index,field,\
    member_sha256,id,argument,name,line,offset,match_offset,match_bytes,decoded_from,match,matches,fingerprint,at,expire_at,\
    valid_until,technique_severity,attack,notes,structural_prefix,structural_keys,structural_of_keys,structural_samples,why,\
    advice";

/// Writes a line of names, and one line a finding. Several values in a cell are set apart by a blank (ids), ` > ` (decoders) or
/// `; ` (notes).
///
/// # Errors
/// What the writer says.
pub fn csv(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{COLUMNS}")?;
    let nothing = Locator::default();
    for finding in &report.scan.findings {
        let element = finding.element.as_ref().unwrap_or(&nothing);
        let structural = finding.structural.as_ref();
        let samples = structural.map(|of| of.samples.iter().map(|key| format!("\"{}\"", key.escaped())).collect());
        let cells = [
            finding.severity.name().to_owned(),
            finding.confidence.name().to_owned(),
            text(&finding.rule),
            finding.rule_version.to_string(),
            text(&finding.title),
            finding.category.name().to_owned(),
            text(&finding.story),
            text(&finding.source),
            maybe(finding.file.as_deref()),
            number(finding.db),
            name(finding.key.as_ref()),
            maybe(finding.key_type.as_deref()),
            finding.place.name().to_owned(),
            number(element.index),
            name(element.field.as_ref()),
            maybe(element.member_sha256.as_deref()),
            maybe(element.id.as_deref()),
            number(element.argument),
            name(element.name.as_ref()),
            number(element.line),
            number(finding.offset),
            number(finding.match_offset),
            number(finding.match_bytes),
            text(&finding.decoded_from.join(" > ")),
            text(&finding.excerpt),
            finding.matches.to_string(),
            maybe(finding.fingerprint.as_deref()),
            maybe(finding.at.as_deref()),
            maybe(finding.expire_at.as_deref()),
            maybe(finding.valid_until.as_deref()),
            finding.technique_severity.name().to_owned(),
            text(&finding.attack.join(" ")),
            text(&finding.notes.join("; ")),
            maybe(structural.map(|of| of.prefix.as_str())),
            number(structural.map(|of| of.keys)),
            number(structural.map(|of| of.of_keys)),
            text(&samples.unwrap_or_else(Vec::new).join(" ")),
            text(&finding.why),
            text(&finding.advice),
        ];
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

/// One cell of text: what cannot be seen is escaped, and it is no formula.
fn text(text: &str) -> String {
    let text = printable(text);
    let formula = if text.starts_with(FORMULA) { "'" } else { "" };
    if formula.is_empty() && !text.contains([',', '"']) {
        return text.into_owned();
    }
    format!("\"{formula}{}\"", text.replace('"', "\"\""))
}

fn maybe(value: Option<&str>) -> String {
    value.map(text).unwrap_or_default()
}

fn number(value: Option<u64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn name(value: Option<&KeyName>) -> String {
    value.map(|name| text(&name.escaped())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_two_cells_or_two_lines() {
        for (raw, cell) in [
            ("plain: 1", "plain: 1"),
            ("=1+1", "\"'=1+1\""),
            ("@x", "\"'@x\""),
            ("＝1", "\"'＝1\""),
            ("'=1", "\"''=1\""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("\t=1\r\n", "\\t=1\\r\\n"),
            ("", ""),
        ] {
            assert_eq!(text(raw), cell);
        }
    }
}
