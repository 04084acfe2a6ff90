//! Prefixes by memory: the first level as a map that the script makes one to walk in, and all of them as a tree of lines.

use super::nodes::{self, Node};
use super::squares::{Rect, squarify};
use super::{Page, Section, escaped, table, words};
use crate::base::size;
use crate::render::text::{count, counted, share, shortened, span};
use crate::report::OtherKeys;
use std::fmt::Write;

/// The map without the script: it is drawn to this size, and scaled to the page.
const WIDTH: f64 = 1040.0;
const HEIGHT: f64 = 420.0;
/// Tiles of one level; the rest is one tile.
const MOST_TILES: usize = 60;
/// Columns of text take so much room each.
const COLUMN: f64 = 7.4;

/// A tile: a prefix, or all that have none of their own.
struct Tile<'a> {
    name: String,
    weight: u64,
    node: Option<&'a Node>,
}

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    if page.report.total.prefixes.is_empty() {
        return None;
    }
    let keyspace = &page.report.total.keyspace;
    let whole = page.weight(keyspace.memory_bytes, keyspace.serialized_bytes);
    let (nodes, left) = nodes::choose(page);
    let mut body = match nodes.as_slice() {
        // One tile says nothing that its line does not.
        [one] if one.children.is_empty() && left == 0 => String::new(),
        nodes => walked(page, nodes, whole),
    };
    body.push_str(&list(page, &nodes, whole));
    body.push_str(&table::more(left));
    Some(Section::new("prefixes", "Prefixes", body))
}

/// The map with what the script needs to walk in it.
fn walked(page: &Page<'_>, nodes: &[Node], whole: u64) -> String {
    let by = page.weighed();
    format!(
        "<p class=\"lead\">Each tile is a prefix, as large as its {by}. Numbers, UUIDs and hashes in names count as alike: \
         <code>{{n}}</code>, <code>{{uuid}}</code>, <code>{{hex}}</code>.{}</p>{}\
         <div id=\"treemap\" data-by=\"{by}\" data-whole=\"{whole}\" data-keys=\"{}\">{}</div>\n\
         <script type=\"application/json\" id=\"prefix-data\">{}</script>\n<h3>All prefixes</h3>",
        sampled(page.report.total.prefixes_sample.as_ref()),
        legend(page),
        page.report.total.keyspace.keys,
        map(nodes, whole),
        data(nodes),
    )
}

fn sampled(sample: Option<&crate::report::PrefixSample>) -> String {
    let Some(sample) = sample else { return String::new() };
    let (depth, keys) = (count(sample.exact_depth), count(sample.sampled_keys));
    format!(
        " There are so many names that prefixes with more than {depth} separators are estimates from a sample of {keys} keys: \
         ± is their standard error."
    )
}

fn legend(page: &Page<'_>) -> String {
    let of = if page.memory { "memory" } else { "keys" };
    let steps: String = ["0–19%", "20–39%", "40–59%", "60–79%", "80–100%"]
        .iter()
        .enumerate()
        .map(|(at, range)| format!("<li><span class=\"swatch t{at}\"></span>{range}</li>"))
        .collect();
    format!("<ul class=\"legend\" aria-label=\"Colours\"><li>Share of {of} without TTL:</li>{steps}</ul>")
}

/// The nodes for the script. Nothing in it ends the element that it stands in, or begins a comment.
fn data(nodes: &[Node]) -> String {
    let json = serde_json::to_string(nodes).unwrap_or_else(|_| "[]".into());
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// The tiles of the first level: those with room for one, and what is left of the whole.
fn tiles(nodes: &[Node], whole: u64) -> Vec<Tile<'_>> {
    let shown = nodes.iter().filter(|node| node.weight > 0).take(MOST_TILES);
    let mut tiles: Vec<_> =
        shown.map(|node| Tile { name: node.name.clone(), weight: node.weight, node: Some(node) }).collect();
    let placed = tiles.iter().fold(0u64, |sum, tile| sum.saturating_add(tile.weight));
    let rest = whole.saturating_sub(placed);
    // Less than a thousandth could not be seen.
    if rest > whole / 1000 {
        tiles.push(Tile { name: "other keys".into(), weight: rest, node: None });
        tiles.sort_by_key(|tile| std::cmp::Reverse(tile.weight));
    }
    tiles
}

#[allow(clippy::cast_precision_loss, reason = "a drawing")]
fn map(nodes: &[Node], whole: u64) -> String {
    let tiles = tiles(nodes, whole);
    let weights: Vec<f64> = tiles.iter().map(|tile| tile.weight as f64).collect();
    let places = squarify(&weights, Rect { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT });
    let mut svg = format!(
        "<svg class=\"map\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Prefixes by size; the list below has \
         the same numbers\">"
    );
    for (tile, place) in tiles.iter().zip(places) {
        draw(tile, place, whole, &mut svg);
    }
    svg.push_str("</svg>");
    svg
}

fn draw(tile: &Tile<'_>, Rect { x, y, width, height }: Rect, whole: u64, svg: &mut String) {
    let class = tile.node.map_or_else(|| "rest".to_owned(), |node| format!("t{}", tone(node.persistent)));
    let (wide, high) = ((width - 2.0).max(0.5), (height - 2.0).max(0.5));
    let _ = write!(svg, "<g><title>{}</title>", escaped(&label(tile, whole)));
    let _ = write!(
        svg,
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\" rx=\"3\"/>",
        x + 1.0,
        y + 1.0
    );
    if wide > 44.0 && high > 22.0 {
        let first = fitted(&tile.name, wide);
        let _ = write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 8.0, y + 18.0, escaped(&first));
    }
    let (size, share) = (size::human(tile.weight), share(tile.weight, whole));
    let second = [format!("{size} · {share}"), size, share].into_iter().find(|text| fitted(text, wide) == *text);
    if let Some(second) = second.filter(|_| wide > 44.0 && high > 40.0) {
        let _ = write!(svg, "<text class=\"s\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 8.0, y + 34.0, escaped(&second));
    }
    svg.push_str("</g>");
}

/// As much of a text as a tile is wide.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a page's width")]
fn fitted(text: &str, wide: f64) -> String {
    shortened(text, ((wide - 12.0) / COLUMN).clamp(1.0, 150.0) as usize)
}

/// The colour of a share of memory without TTL, from 0 to 4.
fn tone(permille: u64) -> u64 {
    (permille / 200).min(4)
}

fn label(tile: &Tile<'_>, whole: u64) -> String {
    let mut label = format!("{}: {}, {}", tile.name, size::human(tile.weight), share(tile.weight, whole));
    if let Some(node) = tile.node {
        let _ = write!(label, ", {}, {} without TTL", counted(node.keys, "key"), share(node.persistent, 1000));
    }
    label
}

/// All prefixes as a tree of lines.
struct List {
    whole: u64,
    /// There is a column for how long keys have not been used.
    idle: bool,
    html: String,
}

fn list(page: &Page<'_>, nodes: &[Node], whole: u64) -> String {
    let total = &page.report.total;
    let mut list = List { whole, idle: total.idle.is_some(), html: String::new() };
    // Errors need room beside their numbers.
    let sampled = if total.prefixes_sample.is_some() { " sampled" } else { "" };
    let idle = if list.idle { " with-idle" } else { "" };
    let _ = write!(list.html, "<div class=\"tree{sampled}{idle}\">");
    list.line(
        "top\" aria-hidden=\"true",
        "<span>prefix</span>",
        &[page.weighed(), "share", "keys", "no TTL", "avg TTL", "avg idle"],
    );
    list.html.push_str("<ul>\n");
    for node in nodes {
        list.branch(node);
    }
    list.others(total.other_prefixes);
    list.html.push_str("</ul></div>\n");
    list.html
}

impl List {
    /// A prefix with those below it.
    fn branch(&mut self, node: &Node) {
        if node.children.is_empty() {
            self.html.push_str("<li>");
            self.node(node);
            let _ = writeln!(self.html, "{}</li>", table::more(node.more));
            return;
        }
        self.html.push_str("<li><details><summary>");
        self.node(node);
        self.html.push_str("</summary><ul>");
        for child in &node.children {
            self.branch(child);
        }
        self.others(node.others);
        let _ = writeln!(self.html, "</ul>{}</details></li>", table::more(node.more));
    }

    fn node(&mut self, node: &Node) {
        let seconds = |seconds: Option<u64>| seconds.map_or_else(|| words::NOTHING.to_owned(), span);
        let name = format!("<bdi class=\"k\">{}</bdi>", escaped(&node.name));
        let numbers = [
            words::bytes_with_error(Some(node.weight), node.weight_error),
            share(node.weight, self.whole),
            words::count_with_error(node.keys, node.keys_error),
            share(node.persistent, 1000),
            seconds(node.ttl),
            seconds(node.idle),
        ];
        self.line("", &name, &numbers.each_ref().map(String::as_str));
    }

    /// Keys that count under no prefix of a level.
    fn others(&mut self, others: Option<OtherKeys>) {
        let Some(OtherKeys { keys, memory_bytes }) = others else { return };
        let part = memory_bytes.map(|bytes| share(bytes, self.whole)).unwrap_or_default();
        let numbers = [words::bytes(memory_bytes), part, count(keys)];
        self.html.push_str("<li class=\"others\">");
        self.line("", "<span>other keys</span>", &numbers.each_ref().map(String::as_str));
        self.html.push_str("</li>\n");
    }

    /// A name and its numbers; `class` may bring other attributes with it.
    fn line(&mut self, class: &str, name: &str, numbers: &[&str]) {
        let _ = write!(self.html, "<span class=\"line {class}\">{name}");
        for number in numbers.iter().take(if self.idle { 6 } else { 5 }) {
            let _ = write!(self.html, "<span class=\"n\">{number}</span>");
        }
        self.html.push_str("</span>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_the_script_that_holds_it() {
        let node = |name: &str| Node {
            name: name.into(),
            weight: 1,
            keys: 1,
            weight_error: 0,
            keys_error: 0,
            persistent: 0,
            ttl: None,
            idle: None,
            example: None,
            children: Vec::new(),
            more: 0,
            others: None,
        };
        let json = data(&[node("</script><!--&\u{2028}")]);
        assert!(json.contains("\\u003c/script\\u003e\\u003c!--\\u0026\\u2028"), "{json}");
        assert!(!json.contains('<'), "{json}");
    }
}
