//! The token of the admin: what makes one good, how it is kept and how it is compared.
//!
//! Owns: the only place where its text is looked at. Never: keeps the text, shows it, or compares it in a time that depends
//! on it.

use std::fmt;

use hmac_sha256::Hash;

/// Fewest characters. 32 that are hexadecimal and random are 128 bits.
const LENGTH_MIN: usize = 32;
const LENGTH_MAX: usize = 512;
/// Fewest different characters. Of 32 random hexadecimal ones about 14 differ.
const DIFFERENT_MIN: usize = 9;

/// Words that nobody draws by chance, and many type.
const WORDS: [&str; 12] = [
    "password",
    "passwort",
    "secret",
    "changeme",
    "change-me",
    "change_me",
    "letmein",
    "qwerty",
    "default",
    "example",
    "token",
    "apex",
];

/// A token as it is kept: by what it is recognised, and what is wrong with it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    digest: [u8; 32],
    weakness: Option<&'static str>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    pub(crate) fn new(text: &str) -> Self {
        Self { digest: Hash::hash(text.as_bytes()), weakness: weakness(text) }
    }

    /// Why it is too easy to guess, if it is.
    pub(crate) fn weakness(&self) -> Option<&'static str> {
        self.weakness
    }

    /// Whether `text` is this token. Digests are compared, all of them to the end: how much of a guess is right shows in no
    /// time.
    #[cfg(feature = "admin-http")]
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        Hash::verify(text, &self.digest)
    }
}

/// Why a token is too easy to guess: a rough sieve against what people type, not a measure of what a machine drew.
fn weakness(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Some("it holds a blank, or a character that is not visible ASCII");
    }
    if bytes.len() < LENGTH_MIN {
        return Some("it has fewer than 32 characters");
    }
    if bytes.len() > LENGTH_MAX {
        return Some("it has more than 512 characters");
    }
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT_MIN {
        return Some("too few of its characters differ");
    }
    if (1..=bytes.len() / 2).any(|period| bytes[period..].iter().eq(&bytes[..bytes.len() - period])) {
        return Some("it repeats itself");
    }
    let steps = bytes.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    if steps > bytes.len() / 2 {
        return Some("it counts up or down, or repeats characters");
    }
    let lower = text.to_ascii_lowercase();
    if WORDS.iter().any(|word| lower.contains(word)) {
        return Some("it holds a word that people use for tokens");
    }
    None
}

/// A new token for [`AdminSettings::token`](super::AdminSettings::token): 256 random bits of the operating system, as 64
/// hexadecimal characters.
///
/// # Panics
/// When the operating system gives no random bytes.
#[cfg(feature = "admin-http")]
pub fn random_token() -> String {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(all(test, feature = "admin-http"))]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_refused_with_a_reason() {
        for (token, reason) in [
            (String::new(), "fewer than 32"),
            ("a1b2c3d4e5f6a7b8c9d0".into(), "fewer than 32"),
            ("0f1e2d3c4b5a69788796a5b4c3d2e1f".into(), "fewer than 32"),
            ("x".repeat(64), "differ"),
            ("0123".repeat(16), "differ"),
            ("a1B2c3D4e5F6".repeat(3), "repeats itself"),
            ("0123456789abcdefghijklmnopqrstuvwxyz".into(), "counts up"),
            ("zyxwvutsrqponmlkjihgfedcba9876543210".into(), "counts up"),
            ("my-Password-is-the-best-9f8e7d6c5b4a".into(), "a word"),
            ("CHANGEME-kjq83hf92hf0q2hf0hq2fh0q2hf".into(), "a word"),
            ("kjq83hf92hf 0q2hf0hq2fh0q2hfkjq83hf9".into(), "blank"),
            ("kjq83hf92hfü0q2hf0hq2fh0q2hfkjq83hf9".into(), "ASCII"),
            ("f3".to_owned() + &random_token().repeat(9), "more than 512"),
        ] {
            let weakness = weakness(&token).unwrap_or_else(|| panic!("{token} is accepted"));
            assert!(weakness.contains(reason), "{token}: {weakness}");
        }
    }

    #[test]
    fn what_a_machine_drew_is_accepted_and_recognised_and_shown_to_nobody() {
        for _ in 0..2_000 {
            let text = random_token();
            assert_eq!(text.len(), 64);
            // 128 bits, in the two common ways to write them.
            for text in [&text[..], &text[..32]] {
                let token = Token::new(text);
                assert_eq!(token.weakness(), None, "{text}");
                assert!(token.is(text.as_bytes()) && !token.is(&text.as_bytes()[1..]) && !token.is(b""));
                assert!(!format!("{token:?}").contains(&text[..8]));
            }
        }
        assert_ne!(random_token(), random_token());
    }
}
