//! Numbers as small pictures: a row of columns, a bar.
//!
//! Owns: the characters, in both kinds. Never: knows what a number stands for.

const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_COLUMNS: [char; 8] = ['_', '.', '-', '~', '=', '+', '*', '#'];

/// A column for each share between 0 and 1; a blank where there was none.
pub(super) fn columns(shares: impl IntoIterator<Item = Option<f64>>, unicode: bool) -> String {
    let signs = if unicode { COLUMNS } else { ASCII_COLUMNS };
    let sign = |share: f64| signs[place(share, signs.len() - 1)];
    shares.into_iter().map(|share| share.map_or(' ', sign)).collect()
}

/// A bar of `width` characters, filled to `share`.
pub(super) fn bar(share: f64, width: usize, unicode: bool) -> String {
    let (full, empty) = if unicode { ("█", "░") } else { ("#", ".") };
    let filled = place(share, width);
    full.repeat(filled) + &empty.repeat(width - filled)
}

/// `share` of `most`, rounded.
#[allow(clippy::cast_sign_loss)] // clamped just before
fn place(share: f64, most: usize) -> usize {
    ((share.clamp(0.0, 1.0) * most as f64).round() as usize).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_columns_and_bars() {
        let shares = [Some(0.0), None, Some(0.5), Some(1.0), Some(7.0), Some(f64::NAN)];
        assert_eq!(columns(shares, true), "▁ ▅██▁");
        assert_eq!(columns(shares, false), "_ =##_");
        assert_eq!([0.0, 0.5, 1.0, 2.0].map(|share| bar(share, 4, true)), ["░░░░", "██░░", "████", "████"]);
        assert_eq!(bar(0.3, 0, false), "");
    }
}
