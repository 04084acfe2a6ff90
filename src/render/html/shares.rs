//! How a keyspace is made up: types, encodings, databases.

use super::table::{Cell, Table};
use super::{Page, Section, words};
use crate::render::text::share;
use crate::report::{Keyspace, TypeShare};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Types with a colour of their own.
const TYPES: [&str; 7] = ["string", "hash", "list", "set", "zset", "stream", "module"];

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let keyspace = &page.report.total.keyspace;
    if keyspace.keys == 0 {
        return None;
    }
    let mut body = stacked(page, keyspace);
    body.push_str(&types(page));
    if keyspace.databases.len() > 1 || keyspace.databases.iter().any(|database| database.db != 0) {
        body.push_str("<h3>Databases</h3>");
        let mut table = Table::new("Databases", &columns(page, "database"));
        for database in &keyspace.databases {
            if !table.row(cells(page, &format!("db {}", database.db), &database.share)) {
                break;
            }
        }
        body.push_str(&table.finish(keyspace.databases.len()));
    }
    Some(Section::new("types", "Types", body))
}

fn whole(page: &Page<'_>, keyspace: &Keyspace) -> u64 {
    page.weight(keyspace.memory_bytes, keyspace.serialized_bytes)
}

/// Heaviest first.
pub(super) fn ordered<'a>(page: &Page<'_>, shares: &'a BTreeMap<String, TypeShare>) -> Vec<(&'a str, &'a TypeShare)> {
    let weight = |share: &TypeShare| page.weight(share.memory_bytes, share.serialized_bytes);
    let mut all: Vec<_> = shares.iter().map(|(name, share)| (name.as_str(), share)).collect();
    all.sort_by(|a, b| weight(b.1).cmp(&weight(a.1)).then_with(|| a.0.cmp(b.0)));
    all
}

/// The class of a type's colour.
pub(super) fn colour(ty: &str) -> String {
    let known = TYPES.into_iter().find(|known| *known == ty);
    format!("ty-{}", known.unwrap_or("other"))
}

/// A type with a patch of its colour.
pub(super) fn swatch(ty: &str) -> String {
    format!("<span class=\"swatch {}\"></span>{}", colour(ty), words::text(ty))
}

/// One bar of all types.
pub(super) fn stacked(page: &Page<'_>, keyspace: &Keyspace) -> String {
    let whole = whole(page, keyspace);
    let mut rects = String::new();
    let mut words = Vec::new();
    let mut at = 0u64;
    for (ty, of) in ordered(page, &keyspace.by_type).into_iter().take(10) {
        let weight = page.weight(of.memory_bytes, of.serialized_bytes);
        let long = words::permille(weight, whole).min(1000u64.saturating_sub(at));
        let _ = write!(rects, "<rect class=\"{}\" x=\"{at}\" width=\"{long}\" height=\"10\"/>", colour(ty));
        at = at.saturating_add(long);
        words.push(format!("{} {}", words::text(ty), self::share(weight, whole)));
    }
    format!(
        "<svg class=\"stack\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Types by {}: \
         {}\">{rects}</svg>\n",
        page.weighed(),
        words.join(", ")
    )
}

fn columns(page: &Page<'_>, of: &'static str) -> Vec<&'static str> {
    let mut columns = vec![of, ">keys", ">with TTL", ">elements", ">stored"];
    if page.memory {
        columns.push(">memory");
    }
    columns.extend([">share", ""]);
    columns
}

/// A row of a share; `name` is safe already.
fn cells(page: &Page<'_>, name: &str, of: &TypeShare) -> Vec<Cell> {
    coloured(page, name, of, "fill")
}

fn coloured(page: &Page<'_>, name: &str, of: &TypeShare, class: &str) -> Vec<Cell> {
    let whole = whole(page, &page.report.total.keyspace);
    let weight = page.weight(of.memory_bytes, of.serialized_bytes);
    let mut cells = vec![
        Cell::head(name),
        Cell::count(of.keys),
        Cell::count(of.expires),
        Cell::count(of.elements),
        Cell::bytes(of.serialized_bytes),
    ];
    if page.memory {
        cells.push(Cell::maybe_bytes(of.memory_bytes));
    }
    cells.extend([Cell::number(Some(weight), &share(weight, whole)), Cell::bar(weight, whole, class)]);
    cells
}

/// Types, each with its encodings under it.
fn types(page: &Page<'_>) -> String {
    let keyspace = &page.report.total.keyspace;
    let mut table = Table::new("Types and encodings", &columns(page, "type")).limits(100, 40_000);
    for (ty, total) in ordered(page, &keyspace.by_type) {
        let class = colour(ty);
        table.row(coloured(page, &swatch(ty), total, &class));
        for (encoding, share) in ordered(page, &keyspace.by_encoding) {
            if let Some((_, encoding)) = encoding.split_once('/').filter(|(of, _)| *of == ty) {
                table.row(coloured(
                    page,
                    &format!("<span class=\"sub\">{}</span>", words::text(encoding)),
                    share,
                    &class,
                ));
            }
        }
    }
    table.finish(0)
}
