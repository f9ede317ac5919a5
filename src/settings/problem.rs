//! Text for the problems of settings: what was written, made fit for a message, and what was probably meant.
//!
//! Owns: the escaping, and the guess. Never: shows text that could move a terminal.

/// The longest part of a path, name or key that is shown.
const SHOWN_MAX: usize = 96;

/// Makes a key or name fit for a message: what cannot be seen is escaped, what is long is cut; no quotes.
pub(super) fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(visible).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Makes a path fit for a message. Not cut: its end says most, and systems bound it.
pub(super) fn whole(path: &str) -> String {
    path.chars().flat_map(visible).collect()
}

fn visible(letter: char) -> impl Iterator<Item = char> {
    let as_it_is = matches!(letter, '\\' | '"' | '\'').then_some(letter);
    as_it_is.into_iter().chain(letter.escape_debug().filter(move |_| as_it_is.is_none()))
}

/// The candidate that `word` is a slip of the hand away from, if there is one.
pub(super) fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(SHOWN_MAX).map(|letter| letter.to_ascii_lowercase()).collect();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to turn one into the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != wanted);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *wanted {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        let known = ["max_size_mb", "max_entry_size", "enabled", "tiers"];
        for (word, meant) in [
            ("max_sise_mb", Some("max_size_mb")),
            ("MAX_SIZE_MB", Some("max_size_mb")),
            ("maxsize_mb", Some("max_size_mb")),
            ("enabeld", Some("enabled")),
            ("tires", Some("tiers")),
            ("database_password", None),
            ("", None),
        ] {
            assert_eq!(near(word, known), meant, "{word}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped_and_only_keys_are_cut() {
        let path = format!("C:\\{}\u{1b}[31m\u{202e}\n.toml", "x".repeat(200));
        assert_eq!(whole(&path), format!("C:\\{}\\u{{1b}}[31m\\u{{202e}}\\n.toml", "x".repeat(200)));
        assert_eq!(plain(&path).len(), SHOWN_MAX + 3);
    }

    #[test]
    fn a_swap_of_neighbours_counts_once() {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("tlt"), &letters("ttl")), 1);
        assert_eq!(distance(&letters(""), &letters("ttl")), 3);
        assert_eq!(distance(&letters("ttl"), &letters("ttl")), 0);
    }
}
