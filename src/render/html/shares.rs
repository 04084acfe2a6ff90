//! How a keyspace is made up: types, encodings, databases, and how sizes are spread.

use super::table::{Cell, Table};
use super::{Page, Section, words};
use crate::base::size;
use crate::render::text::share;
use crate::report::{Sizes, Spread, TypeShare};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Types with a colour of their own.
const TYPES: [&str; 7] = ["string", "hash", "list", "set", "zset", "stream", "module"];

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let keyspace = &page.report.total.keyspace;
    if keyspace.keys == 0 {
        return None;
    }
    let mut body = stacked(page);
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
    body.push_str(&sizes(page));
    Some(Section::new("types", "Types and sizes", body))
}

fn whole(page: &Page<'_>) -> u64 {
    let keyspace = &page.report.total.keyspace;
    page.weight(keyspace.memory_bytes, keyspace.serialized_bytes)
}

/// Heaviest first.
fn ordered<'a>(page: &Page<'_>, shares: &'a BTreeMap<String, TypeShare>) -> Vec<(&'a str, &'a TypeShare)> {
    let weight = |share: &TypeShare| page.weight(share.memory_bytes, share.serialized_bytes);
    let mut all: Vec<_> = shares.iter().map(|(name, share)| (name.as_str(), share)).collect();
    all.sort_by(|a, b| weight(b.1).cmp(&weight(a.1)).then_with(|| a.0.cmp(b.0)));
    all
}

fn colour(ty: &str) -> String {
    let known = TYPES.into_iter().find(|known| *known == ty);
    format!("ty-{}", known.unwrap_or("other"))
}

/// One bar of all types.
fn stacked(page: &Page<'_>) -> String {
    let whole = whole(page);
    let mut rects = String::new();
    let mut words = Vec::new();
    let mut at = 0u64;
    for (ty, of) in ordered(page, &page.report.total.keyspace.by_type).into_iter().take(10) {
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
    let (weight, whole) = (page.weight(of.memory_bytes, of.serialized_bytes), whole(page));
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
        let name = format!("<span class=\"swatch {class}\"></span>{}", words::text(ty));
        table.row(coloured(page, &name, total, &class));
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

/// Which sizes are shown: memory, or bytes as stored.
fn spread<'a>(page: &Page<'_>, sizes: &'a Sizes) -> Option<&'a Spread> {
    if page.memory { sizes.memory_bytes.as_ref() } else { sizes.serialized_bytes.as_ref() }
}

/// Where the sizes of each type lie, on a scale on which each step is ten times as much.
fn sizes(page: &Page<'_>) -> String {
    let sizes = &page.report.total.sizes;
    let spreads: Vec<_> = sizes.iter().filter_map(|(ty, sizes)| Some((ty, sizes, spread(page, sizes)?))).collect();
    let most = spreads.iter().map(|(_, _, spread)| spread.max).max().unwrap_or_default();
    let titles = ["type", ">half up to", ">90%", ">99%", ">largest", "", ">elements, half", ">99%", ">most"];
    let mut table = Table::new("Size of keys", &titles).limits(50, 30_000);
    for (ty, sizes, spread) in &spreads {
        let elements = |of: fn(&Spread) -> u64| Cell::maybe_count(sizes.elements.as_ref().map(of));
        let cell = Cell::bytes;
        table.row([
            Cell::head(&format!("<span class=\"swatch {}\"></span>{}", colour(ty), words::text(ty))),
            cell(spread.p50),
            cell(spread.p90),
            cell(spread.p99),
            cell(spread.max),
            Cell::html(&range(spread, most, &colour(ty))),
            elements(|spread| spread.p50),
            elements(|spread| spread.p99),
            elements(|spread| spread.max),
        ]);
    }
    let table = table.finish(spreads.len());
    if table.is_empty() {
        return table;
    }
    format!(
        "<h3>Size of one key, by {}</h3><p class=\"lead\">The bar is drawn on a logarithmic scale up to {}: the darkest \
         part holds half of the keys, the next 90%, the next 99%, the last all.</p>{table}",
        page.weighed(),
        size::human(most)
    )
}

fn range(spread: &Spread, most: u64, class: &str) -> String {
    let steps = [(spread.max, "r3"), (spread.p99, "r2"), (spread.p90, "r1"), (spread.p50, "r0")];
    let rects: String = steps
        .into_iter()
        .map(|(size, shade)| {
            format!("<rect class=\"{class} {shade}\" width=\"{}\" height=\"10\"/>", logarithmic(size, most))
        })
        .collect();
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{rects}</svg>"
    )
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a drawing")]
fn logarithmic(size: u64, most: u64) -> u64 {
    let scale = (most as f64 + 1.0).ln().max(f64::MIN_POSITIVE);
    ((size as f64 + 1.0).ln() / scale * 1000.0).clamp(0.0, 1000.0) as u64
}
