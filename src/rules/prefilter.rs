//! What a pattern tells before it is run: the literals one of which stands in every match, and the longest match.

use super::rarity;
use super::rule::Candidates;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class as Bytes, Hir, HirKind, Look};

/// Bytes one of which, or whose like, stands in every match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Literal {
    /// The bytes, ASCII letters in lower case: they are looked for in either case.
    pub bytes: Vec<u8>,
    /// The most bytes a match has before them; none: no bound.
    pub before: Option<u64>,
    /// Whether they begin a word: no letter and no digit stands before them in any match.
    pub begins: bool,
    /// Whether they end a word.
    pub ends: bool,
}

impl Literal {
    /// Bytes that may stand anywhere, in words too.
    pub(super) fn new(bytes: Vec<u8>, before: Option<u64>) -> Self {
        Self { bytes, before, begins: false, ends: false }
    }

    /// Whether it may be part of a match at this place of a text: not inside a word, if it never is.
    #[inline]
    pub(super) fn may_stand(&self, text: &[u8], at: usize) -> bool {
        is_bounded(text, at, self.bytes.len(), (self.begins, self.ends))
    }

    /// Whether it is found wherever the other is, from this place of it on.
    fn covers(&self, other: &Literal, at: usize) -> bool {
        let behind = at.saturating_add(self.bytes.len());
        let is_alone =
            |neighbour: Option<&u8>, edge: bool| neighbour.map_or(edge, |byte| !byte.is_ascii_alphanumeric());
        (!self.begins || is_alone(at.checked_sub(1).and_then(|at| other.bytes.get(at)), other.begins))
            && (!self.ends || is_alone(other.bytes.get(behind), other.ends))
    }
}

/// Whether no letter and no digit stands before a place of a text, and so many bytes behind it, where that is asked for.
#[inline]
pub(super) fn is_bounded(text: &[u8], at: usize, bytes: usize, (begins, ends): (bool, bool)) -> bool {
    let is_word = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    !(begins && is_word(at.checked_sub(1)) || ends && is_word(at.checked_add(bytes)))
}

/// What a part of a pattern says of the words beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Edge {
    #[default]
    Unknown,
    /// It is `\b`.
    Border,
    /// It is a byte that is no letter and no digit, or the text begins or ends there.
    Outside,
}

impl Edge {
    /// Whether beside such a part, a literal with this byte next to it begins or ends a word.
    fn bounds(self, byte: Option<&u8>) -> bool {
        match self {
            Edge::Unknown => false,
            Edge::Border => byte.is_some_and(u8::is_ascii_alphanumeric),
            Edge::Outside => true,
        }
    }
}

/// Literals of a pattern, and how often they are to be expected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literals {
    pub(super) list: Vec<Literal>,
    pub(super) cost: f64,
}

/// What a pattern tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    /// The best literals that stand anywhere in a match.
    pub(super) literals: Option<Literals>,
    /// Literals that stand at the very beginning of the text, of a pattern that matches only there.
    pub(super) start: Option<Vec<Literal>>,
    /// The shortest match in bytes.
    pub(super) shortest: u64,
    /// The longest match in bytes; none: no bound.
    pub(super) longest: Option<u64>,
    /// Whether it asks for the end of the text.
    pub(super) asks_end: bool,
}

/// Literals that a set may have: more find too much, and cost too much to look for.
const MOST: usize = 96;
/// Bytes of a literal that are looked at.
const LONG: usize = 48;
/// Copies of what is repeated that are looked at.
const COPIES: u32 = 16;
/// Neighbours that are joined into literals.
const JOINED: usize = 64;

/// Reads a pattern as the rules have it: over bytes, classes of ASCII; `unicode` for rules of others.
///
/// # Errors
/// It is no regular expression.
pub(super) fn told(pattern: &str, unicode: bool) -> Result<Told, String> {
    let mut parser = ParserBuilder::new().unicode(unicode).utf8(false).build();
    let hir = parser.parse(pattern).map_err(|error| error.to_string())?;
    let about = hir.properties();
    let node = whole(&hir);
    let start = node.prefix.filter(|_| about.look_set_prefix().contains(Look::Start)).and_then(|bytes| {
        let long = bytes.iter().all(|bytes| bytes.len() >= 2);
        long.then(|| bytes.into_iter().map(|bytes| Literal::new(bytes, Some(0))).collect())
    });
    Ok(Told {
        literals: node.best,
        start,
        shortest: about.minimum_len().unwrap_or(0) as u64,
        longest: node.longest,
        asks_end: about.look_set().contains(Look::End),
    })
}

/// The best way to find candidates of a pattern that needs others to match as well, and whether it is one of the others.
pub(super) fn candidates(main: Told, also: Vec<Told>) -> Option<(Candidates, bool)> {
    /// A literal of the pattern itself says where to look; one of the others only that.
    const ELSEWHERE: f64 = 20.0;
    let mut best: Option<(f64, Candidates, bool)> = None;
    let told = std::iter::once((main, 1.0)).chain(also.into_iter().map(|told| (told, ELSEWHERE)));
    for (told, factor) in told {
        let elsewhere = |list: &mut Vec<Literal>| {
            if factor > 1.0 {
                for literal in &mut *list {
                    literal.before = None;
                }
            }
        };
        let start = told.start.map(|mut list| {
            elsewhere(&mut list);
            // They are looked for once a text.
            let cost: f64 =
                list.iter().map(|literal| rarity::gram(literal.bytes.get(..4).unwrap_or(&literal.bytes))).sum();
            (cost / 16.0, Candidates::Start(list))
        });
        let anywhere = told.literals.map(|mut literals| {
            elsewhere(&mut literals.list);
            (literals.cost, Candidates::Literals(literals.list))
        });
        for (cost, found) in start.into_iter().chain(anywhere) {
            let cost = cost * factor;
            if best.as_ref().is_none_or(|(best, ..)| cost < *best) {
                best = Some((cost, found, factor > 1.0));
            }
        }
    }
    best.map(|(_, candidates, elsewhere)| (candidates, elsewhere))
}

/// What is known of a part of a pattern.
#[derive(Debug, Clone, Default)]
struct Node {
    /// All that it matches, if that is little.
    exact: Option<Vec<Vec<u8>>>,
    /// One of which every match begins with.
    prefix: Option<Vec<Vec<u8>>>,
    /// One of which stands in every match.
    best: Option<Literals>,
    longest: Option<u64>,
    /// What it is to what stands before it.
    edge: Edge,
    /// Whether it may be missing: then it says nothing to what stands before it, but it repeats what does, and that bounds
    /// what stands behind it.
    repeats: bool,
}

impl Node {
    fn exact(mut list: Vec<Vec<u8>>) -> Self {
        list.sort();
        list.dedup();
        let longest = list.iter().map(Vec::len).max().unwrap_or(0) as u64;
        Node {
            best: literals(&list, Some(0), (Edge::Unknown, Edge::Unknown)),
            prefix: Some(list.clone()),
            exact: Some(list),
            longest: Some(longest),
            ..Node::default()
        }
    }

    fn any(longest: Option<u64>) -> Self {
        Node { longest, ..Node::default() }
    }
}

fn whole(hir: &Hir) -> Node {
    let mut parts = Vec::new();
    spread(hir, &mut parts);
    if parts.len() == 1 { parts.pop().unwrap_or_default() } else { joined(&parts) }
}

/// The neighbours that a part consists of.
fn spread(hir: &Hir, out: &mut Vec<Node>) {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().for_each(|part| spread(part, out)),
        HirKind::Capture(capture) => spread(&capture.sub, out),
        HirKind::Repetition(repeated) if repeated.min > 0 => {
            let one = whole(&repeated.sub);
            let copies = repeated.min.min(COPIES);
            out.extend(std::iter::repeat_n(one.clone(), copies as usize));
            if repeated.max != Some(copies) {
                let most = repeated.max.map(|max| u64::from(max.saturating_sub(copies)));
                out.push(Node { edge: one.edge, repeats: true, ..Node::any(times(one.longest, most)) });
            }
        }
        HirKind::Repetition(repeated) => {
            let one = whole(&repeated.sub);
            let longest = times(one.longest, repeated.max.map(u64::from));
            out.push(match one.exact {
                Some(mut list) if repeated.max == Some(1) && list.len() < MOST => {
                    list.push(Vec::new());
                    Node::exact(list)
                }
                _ => Node::any(longest),
            });
        }
        HirKind::Empty => out.push(Node::exact(vec![Vec::new()])),
        HirKind::Look(look) => {
            let edge = match look {
                Look::WordAscii | Look::WordUnicode => Edge::Border,
                Look::Start | Look::End | Look::StartLF | Look::EndLF | Look::StartCRLF | Look::EndCRLF => {
                    Edge::Outside
                }
                _ => Edge::Unknown,
            };
            out.push(Node { edge, ..Node::exact(vec![Vec::new()]) });
        }
        HirKind::Literal(literal) => out.push(match literal.0.get(..LONG) {
            None => {
                let is_outside = matches!(*literal.0, [byte] if !byte.is_ascii_alphanumeric());
                let edge = if is_outside { Edge::Outside } else { Edge::Unknown };
                Node { edge, ..Node::exact(vec![literal.0.to_ascii_lowercase()]) }
            }
            Some(head) => {
                let mut node = Node::exact(vec![head.to_ascii_lowercase()]);
                (node.exact, node.longest) = (None, Some(literal.0.len() as u64));
                node
            }
        }),
        HirKind::Class(class) => out.push(one_of(class)),
        HirKind::Alternation(parts) => out.push(either(parts)),
    }
}

fn times(longest: Option<u64>, most: Option<u64>) -> Option<u64> {
    match (longest, most) {
        (Some(0), _) | (_, Some(0)) => Some(0),
        (Some(longest), Some(most)) => Some(longest.saturating_mul(most)),
        _ => None,
    }
}

/// A class: each of its members, if they are few.
fn one_of(class: &Bytes) -> Node {
    let longest = class.maximum_len().map(|most| most as u64);
    let list: Option<Vec<Vec<u8>>> = match class {
        Bytes::Bytes(class) => {
            let bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            Some(bytes.map(|byte| vec![byte.to_ascii_lowercase()]).collect())
        }
        Bytes::Unicode(class) => {
            let few = class.ranges().iter().map(regex_syntax::hir::ClassUnicodeRange::len).sum::<usize>() <= 2 * MOST;
            let chars = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            few.then(|| chars.map(|c| c.to_ascii_lowercase().to_string().into_bytes()).collect())
        }
    };
    let has_word =
        |from: u32, to: u32| [(48, 57), (65, 90), (97, 122)].iter().any(|(low, high)| from <= *high && to >= *low);
    let is_outside = match class {
        Bytes::Bytes(class) => !class.ranges().iter().any(|range| has_word(range.start().into(), range.end().into())),
        Bytes::Unicode(class) => !class.ranges().iter().any(|range| has_word(range.start().into(), range.end().into())),
    };
    let edge = if is_outside { Edge::Outside } else { Edge::Unknown };
    let Some(mut list) = list else { return Node { edge, ..Node::any(longest) } };
    list.sort();
    list.dedup();
    if list.len() > 16 { Node { edge, ..Node::any(longest) } } else { Node { longest, edge, ..Node::exact(list) } }
}

fn either(parts: &[Hir]) -> Node {
    let parts: Vec<Node> = parts.iter().map(whole).collect();
    let longest = parts.iter().map(|part| part.longest).try_fold(0, |most: u64, part| Some(most.max(part?)));
    let edge = if parts.iter().all(|part| part.edge == Edge::Outside) { Edge::Outside } else { Edge::Unknown };
    let gather = |of: fn(&Node) -> Option<&Vec<Vec<u8>>>| -> Option<Vec<Vec<u8>>> {
        let lists: Option<Vec<_>> = parts.iter().map(of).collect();
        lists.map(|lists| lists.into_iter().flatten().cloned().collect()).filter(|all: &Vec<_>| all.len() <= MOST)
    };
    if let Some(all) = gather(|node| node.exact.as_ref()) {
        return Node { longest, edge, ..Node::exact(all) };
    }
    let best: Option<Vec<&Literals>> = parts.iter().map(|part| part.best.as_ref()).collect();
    let best = best.and_then(|sets| {
        let all = sets.iter().flat_map(|set| set.list.iter().cloned()).collect();
        weighed(all).filter(|set| set.list.len() <= MOST)
    });
    Node { exact: None, prefix: gather(|node| node.prefix.as_ref()), best, longest, edge, repeats: false }
}

/// Parts one behind the other: the best of what each has alone and what neighbours have together.
fn joined(parts: &[Node]) -> Node {
    let mut best: Option<Literals> = None;
    let mut prefix = None;
    let mut before = Some(0_u64);
    for (from, part) in parts.iter().enumerate() {
        if let Some(own) = &part.best {
            let add = |literal: &Literal| {
                let sum = before.and_then(|bytes| Some(bytes.saturating_add(literal.before?)));
                Literal { before: sum, ..literal.clone() }
            };
            better(&mut best, Literals { list: own.list.iter().map(add).collect(), cost: own.cost });
        }
        let behind = |at: usize| parts.get(at).filter(|part| !part.repeats).map_or(Edge::Unknown, |part| part.edge);
        let mut run: Vec<Vec<u8>> = vec![Vec::new()];
        let before_it = from.checked_sub(1).and_then(|at| parts.get(at));
        let mut begin = before_it.map_or(Edge::Unknown, |part| part.edge);
        let mut reached = 0;
        for part in parts.iter().skip(from).take(JOINED) {
            let Some(longer) = part.exact.as_ref().and_then(|exact| product(&run, exact)) else { break };
            run = longer;
            reached += 1;
            let at = from.saturating_add(reached);
            if begin == Edge::Unknown && run.iter().all(Vec::is_empty) {
                begin = part.edge;
            }
            // What stands behind says it, or a last part that has no bytes.
            let is_empty = part.exact.as_ref().is_some_and(|exact| exact.iter().all(Vec::is_empty));
            let end = if is_empty && part.edge != Edge::Unknown { part.edge } else { behind(at) };
            if let Some(found) = literals(&run, before, (begin, end)) {
                better(&mut best, found);
            }
        }
        if from == 0 && reached == parts.len() {
            let mut node = Node::exact(run);
            if let Some(found) = best {
                better(&mut node.best, found);
            }
            return node;
        }
        // What comes next may be told by its beginning alone.
        let next = parts.get(from.saturating_add(reached)).and_then(|part| part.prefix.as_ref());
        let begun = next.and_then(|next| product(&run, next)).unwrap_or(run);
        if let Some(found) = literals(&begun, before, (begin, Edge::Unknown)) {
            better(&mut best, found);
        }
        if from == 0 {
            prefix = Some(begun);
        }
        before = before.and_then(|bytes| Some(bytes.saturating_add(part.longest?)));
    }
    Node { prefix, best, longest: before, ..Node::default() }
}

fn better(best: &mut Option<Literals>, other: Literals) {
    if best.as_ref().is_none_or(|best| other.cost < best.cost) {
        *best = Some(other);
    }
}

fn product(heads: &[Vec<u8>], tails: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if heads.len().saturating_mul(tails.len()) > MOST {
        return None;
    }
    let mut out = Vec::with_capacity(heads.len().saturating_mul(tails.len()));
    for head in heads {
        for tail in tails {
            if head.len().saturating_add(tail.len()) > LONG {
                return None;
            }
            out.push([head.as_slice(), tail].concat());
        }
    }
    out.sort();
    out.dedup();
    Some(out)
}

/// The literals, if they are worth looking for: three bytes or more, or two that are rare. With what stands on either side.
fn literals(list: &[Vec<u8>], before: Option<u64>, (begin, end): (Edge, Edge)) -> Option<Literals> {
    let literal = |bytes: &Vec<u8>| Literal {
        begins: begin.bounds(bytes.first()),
        ends: end.bounds(bytes.last()),
        ..Literal::new(bytes.clone(), before)
    };
    weighed(list.iter().map(literal).collect())
}

/// Literals without those that contain another, which is found wherever they are; and what they cost.
fn weighed(mut list: Vec<Literal>) -> Option<Literals> {
    list.sort_by(|a, b| a.bytes.len().cmp(&b.bytes.len()).then_with(|| a.cmp(b)));
    let mut kept: Vec<Literal> = Vec::new();
    let mut cost = 0.0;
    for literal in list {
        let inside = kept.iter_mut().find_map(|short| {
            let at = memchr::memmem::find(&literal.bytes, &short.bytes)?;
            short.covers(&literal, at).then_some((short, at as u64))
        });
        if let Some((short, at)) = inside {
            let before = literal.before.map(|before| before.saturating_add(at));
            short.before = short.before.and_then(|own| Some(own.max(before?)));
        } else {
            cost += rarity::expected(&literal.bytes, usize::from(literal.begins) + usize::from(literal.ends))?;
            kept.push(literal);
        }
    }
    kept.sort();
    Some(Literals { list: kept, cost })
}

#[cfg(test)]
mod tests;
