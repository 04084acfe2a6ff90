//! How large keys are: how many keys are of which size, what those come to, and where the sizes of each type lie.

use super::shares::{colour, swatch};
use super::table::{Cell, Table};
use super::{Page, Section, words};
use crate::base::size;
use crate::render::text::{count, share};
use crate::report::{Sizes, Spread};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Types that have a part of their own in a bar.
const MOST_TYPES: usize = 8;

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let body = format!("{}{}", distribution(page), by_type(page));
    (!body.is_empty()).then(|| Section::new("sizes", "Sizes", body))
}

/// The keys of one size: of each type their number and what they come to.
#[derive(Default)]
struct OfSize<'a> {
    from: u64,
    upto: u64,
    keys: u64,
    bytes: u64,
    types: Vec<(&'a str, u64, u64)>,
}

/// All types together, from the smallest size to the largest; sizes without keys between two others are one step.
fn steps(sizes: &BTreeMap<String, Sizes>) -> Vec<OfSize<'_>> {
    let mut by_end: BTreeMap<u64, OfSize<'_>> = BTreeMap::new();
    for (ty, of_type) in sizes {
        for bucket in of_type.distribution.iter().filter(|bucket| bucket.keys > 0) {
            let step = by_end.entry(bucket.upto_bytes).or_default();
            step.keys = step.keys.saturating_add(bucket.keys);
            step.bytes = step.bytes.saturating_add(bucket.bytes);
            step.types.push((ty, bucket.keys, bucket.bytes));
        }
    }
    let mut steps: Vec<OfSize<'_>> = Vec::with_capacity(by_end.len());
    for (upto, step) in by_end {
        let below = upto / 2;
        if let Some(last) = steps.last().map(|last| last.upto).filter(|last| *last < below) {
            steps.push(OfSize { from: last.saturating_add(1), upto: below, ..OfSize::default() });
        }
        steps.push(OfSize { from: below.saturating_add(1), upto, ..step });
    }
    steps
}

/// How many keys are of which size, and how much of all they are.
fn distribution(page: &Page<'_>) -> String {
    let steps = steps(&page.report.total.sizes);
    let sum = |of: fn(&OfSize<'_>) -> u64| steps.iter().fold(0u64, |sum, step| sum.saturating_add(of(step)));
    let most = |of: fn(&OfSize<'_>) -> u64| steps.iter().map(of).max().unwrap_or_default();
    let (keys, bytes) = (sum(|step| step.keys), sum(|step| step.bytes));
    let (most_keys, most_bytes) = (most(|step| step.keys), most(|step| step.bytes));
    let weighed = if page.memory { ">memory" } else { ">stored" };
    let titles = ["size of key", ">keys", ">share", "", weighed, ">share", ""];
    let mut table = Table::new("Keys by size", &titles).limits(64, 90_000);
    for step in &steps {
        let of_keys: Vec<_> = step.types.iter().map(|(ty, keys, _)| (*ty, *keys)).collect();
        let of_bytes: Vec<_> = step.types.iter().map(|(ty, _, bytes)| (*ty, *bytes)).collect();
        let row = [
            Cell::head(&range(step)),
            Cell::count(step.keys),
            Cell::number(Some(step.keys), &share(step.keys, keys)),
            Cell::half_bar(&stacked(&of_keys, most_keys, count)),
            Cell::bytes(step.bytes),
            Cell::number(Some(step.bytes), &share(step.bytes, bytes)),
            Cell::half_bar(&stacked(&of_bytes, most_bytes, size::human)),
        ];
        if !table.row(row) {
            break;
        }
    }
    let table = table.finish(steps.len());
    if table.is_empty() {
        return table;
    }
    let types: String =
        page.report.total.sizes.keys().take(MOST_TYPES).map(|ty| format!("<li>{}</li>", swatch(ty))).collect();
    let what = if page.memory { "memory" } else { "bytes as stored" };
    format!(
        "<p class=\"lead\">How many keys are of which size, and how much {what} those come to.</p>\
         <ul class=\"legend\" aria-label=\"Colours\">{types}</ul>{table}"
    )
}

/// `64 B – 128 B`: from a power of two up to another, which is not in it.
fn range(step: &OfSize<'_>) -> String {
    format!("{} – {}", round(step.from), round(step.upto.saturating_add(1)))
}

/// A power of two without decimals.
fn round(bytes: u64) -> String {
    size::human(bytes).replace(".0 ", " ")
}

/// A bar of parts, as long as they are of the longest one.
fn stacked(parts: &[(&str, u64)], most: u64, form: fn(u64) -> String) -> String {
    let mut rects = String::new();
    let mut said = Vec::new();
    let mut at = 0u64;
    for (ty, part) in parts.iter().filter(|(_, part)| *part > 0).take(MOST_TYPES) {
        let long = words::permille(*part, most).min(1000u64.saturating_sub(at));
        let _ = write!(rects, "<rect class=\"{}\" x=\"{at}\" width=\"{long}\" height=\"10\"/>", colour(ty));
        at = at.saturating_add(long);
        said.push(format!("{} {}", words::text(ty), form(*part)));
    }
    let said = if said.is_empty() { "none".to_owned() } else { said.join(", ") };
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{said}\">\
         <title>{said}</title>{rects}</svg>"
    )
}

/// Which sizes are shown: memory, or bytes as stored.
fn spread<'a>(page: &Page<'_>, sizes: &'a Sizes) -> Option<&'a Spread> {
    if page.memory { sizes.memory_bytes.as_ref() } else { sizes.serialized_bytes.as_ref() }
}

/// Where the sizes of each type lie, on a scale on which each step is ten times as much.
fn by_type(page: &Page<'_>) -> String {
    let sizes = &page.report.total.sizes;
    let spreads: Vec<_> = sizes.iter().filter_map(|(ty, sizes)| Some((ty, sizes, spread(page, sizes)?))).collect();
    let most = spreads.iter().map(|(_, _, spread)| spread.max).max().unwrap_or_default();
    let titles = ["type", ">half up to", ">90%", ">99%", ">largest", "", ">elements, half", ">99%", ">most"];
    let mut table = Table::new("Size of keys", &titles).limits(50, 30_000);
    for (ty, sizes, spread) in &spreads {
        let elements = |of: fn(&Spread) -> u64| Cell::maybe_count(sizes.elements.as_ref().map(of));
        table.row([
            Cell::head(&swatch(ty)),
            Cell::bytes(spread.p50),
            Cell::bytes(spread.p90),
            Cell::bytes(spread.p99),
            Cell::bytes(spread.max),
            Cell::html(&spread_bar(spread, most, &colour(ty))),
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
        "<h3>By type</h3><p class=\"lead\">The bar is drawn on a logarithmic scale up to {}: the darkest part holds half of \
         the keys, the next 90%, the next 99%, the last all.</p>{table}",
        size::human(most)
    )
}

fn spread_bar(spread: &Spread, most: u64, class: &str) -> String {
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
