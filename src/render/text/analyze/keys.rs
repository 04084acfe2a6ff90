//! Single keys: the largest ones, the largest elements, those used most.

use super::super::table::{Table, cut};
use super::super::{Look, count};
use super::shares::known;
use super::{WIDE, few};
use crate::base::size;
use crate::report::{Analysis, BigElement, BigKey, KeyName, printable};
use std::io::{self, Write};

/// The largest keys by memory, where that is known, else by their bytes as stored; by elements where there is room.
pub(super) fn largest(analysis: &Analysis, many: bool, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let keys = &analysis.big_keys;
    if keys.by_memory.is_empty() {
        big("largest keys by serialized bytes", &keys.by_serialized, many, top, look, out)?;
    } else {
        big("largest keys by memory", &keys.by_memory, many, top, look, out)?;
    }
    // Of keys with one element each there is no largest.
    let several = keys.by_elements.first().is_some_and(|key| key.elements > 1);
    if look.columns() >= WIDE && several {
        big("largest keys by elements", &keys.by_elements, many, few(top), look, out)?;
    }
    elements(&analysis.big_elements, many, few(top), look, out)
}

fn big(title: &str, keys: &[BigKey], many: bool, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if keys.is_empty() || top == 0 {
        return Ok(());
    }
    let memory = keys.iter().any(|key| key.memory_bytes.is_some());
    let wide = look.columns() >= WIDE;
    writeln!(out, "\n{title}")?;
    let mut titles = Vec::new();
    if memory {
        titles.push(">memory");
    }
    if wide || !memory {
        titles.push(">serialized");
    }
    titles.extend([">elements", ">largest", "type"]);
    if wide {
        titles.push("expires");
    }
    titles.push(">db");
    if many {
        titles.push("source");
    }
    titles.push("key");
    let mut table = Table::new(&titles);
    for key in keys.iter().take(top) {
        let mut row = Vec::new();
        if memory {
            row.push(known(key.memory_bytes));
        }
        if wide || !memory {
            row.push(size::human(key.serialized_bytes));
        }
        row.extend([
            count(key.elements),
            size::human(key.largest_element_bytes),
            printable(&format!("{}/{}", key.ty, key.encoding)).into_owned(),
        ]);
        if wide {
            row.push(key.expire_at.as_deref().map_or_else(|| "never".into(), |at| look.time(at).into_owned()));
        }
        row.extend(place(&key.source, key.db, &key.key, many, look));
        table.row(row);
    }
    table.write(look, out)
}

fn elements(all: &[BigElement], many: bool, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if all.is_empty() || top == 0 {
        return Ok(());
    }
    writeln!(out, "\nlargest elements inside keys")?;
    let mut titles = vec![">bytes", "type", "element", ">db"];
    if many {
        titles.push("source");
    }
    titles.push("key");
    let mut table = Table::new(&titles);
    for element in all.iter().take(top) {
        let name = element.element.as_ref().map(KeyName::escaped);
        let name = name.unwrap_or_else(|| format!("number {}", count(element.index)));
        let mut row =
            vec![size::human(element.bytes), printable(&element.ty).into_owned(), cut(&name, look.columns() / 4)];
        row.extend(place(&element.source, element.db, &element.key, many, look));
        table.row(row);
    }
    table.write(look, out)
}

/// The last columns of a row: database, source if there are several, key.
pub(super) fn place(source: &str, db: u64, key: &KeyName, many: bool, look: &Look) -> Vec<String> {
    let source = many.then(|| cut(&printable(source), look.columns() / 4));
    [db.to_string()].into_iter().chain(source).chain([key.escaped()]).collect()
}
