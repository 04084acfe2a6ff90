//! The squarified treemap (Bruls, Huizing, van Wijk, 2000): rectangles of given areas that fill one, each as near to a square
//! as it can be had. The script does the same for the levels below.

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// One rectangle for each weight, in their order. Weights come largest first and are above 0.
pub(super) fn squarify(weights: &[f64], mut free: Rect) -> Vec<Rect> {
    let total: f64 = weights.iter().sum();
    let scale = if total > 0.0 { free.width * free.height / total } else { 0.0 };
    let areas: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
    let mut placed = Vec::with_capacity(areas.len());
    let mut rest = areas.as_slice();
    while !rest.is_empty() {
        let side = free.width.min(free.height);
        let better = |n: &usize| worst(rest, n + 1, side) <= worst(rest, *n, side);
        let in_row = (1..rest.len()).take_while(better).last().map_or(1, |n| n + 1);
        let (row, after) = rest.split_at(in_row);
        free = place(row, free, &mut placed);
        rest = after;
    }
    placed
}

/// The worst ratio of sides among the first `n` if they share a row along `side`.
fn worst(areas: &[f64], n: usize, side: f64) -> f64 {
    let row = areas.get(..n).unwrap_or_default();
    let sum: f64 = row.iter().sum();
    let (most, least) = (row.first().copied().unwrap_or_default(), row.last().copied().unwrap_or_default());
    let (side, sum) = (side * side, sum * sum);
    (side * most / sum).max(sum / (side * least))
}

/// Puts a row along the shorter side; what is left free comes back.
fn place(row: &[f64], free: Rect, placed: &mut Vec<Rect>) -> Rect {
    let sum: f64 = row.iter().sum();
    let upright = free.width >= free.height;
    let side = if upright { free.height } else { free.width };
    let thick = if side > 0.0 { sum / side } else { 0.0 };
    let mut along = 0.0;
    for area in row {
        let long = if thick > 0.0 { area / thick } else { 0.0 };
        placed.push(if upright {
            Rect { x: free.x, y: free.y + along, width: thick, height: long }
        } else {
            Rect { x: free.x + along, y: free.y, width: long, height: thick }
        });
        along += long;
    }
    if upright {
        Rect { x: free.x + thick, width: (free.width - thick).max(0.0), ..free }
    } else {
        Rect { y: free.y + thick, height: (free.height - thick).max(0.0), ..free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Rect = Rect { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };

    #[test]
    fn areas_are_as_given_and_fill_the_whole() {
        let weights = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0];
        let placed = squarify(&weights, WHOLE);
        for (rect, weight) in placed.iter().zip(weights) {
            assert!((rect.width * rect.height - weight).abs() < 1e-9, "{rect:?} {weight}");
            assert!(rect.x >= 0.0 && rect.x + rect.width <= 6.0 + 1e-9, "{rect:?}");
            assert!(rect.y >= 0.0 && rect.y + rect.height <= 4.0 + 1e-9, "{rect:?}");
        }
        for (at, a) in placed.iter().enumerate() {
            for b in placed.iter().skip(at + 1) {
                let across = (a.x + a.width).min(b.x + b.width) - a.x.max(b.x);
                let down = (a.y + a.height).min(b.y + b.height) - a.y.max(b.y);
                assert!(across < 1e-9 || down < 1e-9, "{a:?} lies on {b:?}");
            }
        }
        // The example of the paper: two of area 6 stand one upon the other.
        assert_eq!(placed[0], Rect { x: 0.0, y: 0.0, width: 3.0, height: 2.0 });
    }

    #[test]
    fn nothing_and_very_uneven_weights() {
        assert!(squarify(&[], WHOLE).is_empty());
        let placed = squarify(&[1e18, 1.0], WHOLE);
        assert!(placed.iter().all(|rect| rect.width.is_finite() && rect.height.is_finite()), "{placed:?}");
    }
}
