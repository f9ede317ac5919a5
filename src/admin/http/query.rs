//! The part of a URL behind the question mark.
//!
//! Owns: its grammar, strictly: every parameter once, and none that is not known. Never: knows what one means.

use super::refusal::Refusal;
use crate::error::Shown;

/// The parameters of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `text`, in which only `known` may occur.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, Refusal> {
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            let shown = Shown::new(&name);
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Refusal::bad(format!("there is no parameter {shown} here; there are: {known}")));
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(Refusal::bad(format!("the parameter {shown} stands there twice; give it once")));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    /// What was given for `name`; nothing when that is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// What was given for `name`, as one of the words of `choices`.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let words = || choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| Some(*choice)).ok_or_else(|| {
            Refusal::bad(format!("{name} cannot be {}; it is one of {}", Shown::new(text), words()))
        })
    }

    /// What was given for `name`, as a whole number within `limits`.
    pub(super) fn number(&self, name: &str, limits: (u64, u64)) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (limits.0..=limits.1).contains(number));
        let (least, most) = limits;
        number.map(Some).ok_or_else(|| {
            Refusal::bad(format!(
                "{name} cannot be {}; it is a whole number from {least} to {most}",
                Shown::new(text)
            ))
        })
    }
}

/// Text with its `%` sequences decoded, and blanks for `+`, as forms write them.
fn decoded(text: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit(), digit());
                let code = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                code.ok_or_else(|| {
                    Refusal::bad("the URL holds a % that two hexadecimal digits do not follow")
                })?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| Refusal::bad("the URL holds bytes that are no UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_read_once_and_strictly() {
        let query = Query::parse("key=user%3A%3A42+a&tier=", &["key", "tier"]).unwrap();
        assert_eq!(
            (query.text("key"), query.text("tier"), query.text("limit")),
            (Some("user::42 a"), None, None)
        );
        for (text, words) in [
            ("key=1&key=2", "twice"),
            ("k%65y=1&key=2", "twice"),
            ("nope=1", "there are: key"),
            ("key=%", "hexadecimal"),
            ("key=%4", "hexadecimal"),
            ("key=%zz", "hexadecimal"),
            ("key=%ff%fe", "UTF-8"),
            ("key=%c0%af", "UTF-8"),
        ] {
            let error = format!("{:?}", Query::parse(text, &["key"]).expect_err(text));
            assert!(error.contains(words), "{text}: {error}");
        }
        let limits = (1, 1_000);
        for wrong in ["0", "1001", "-1", "1.5", "1e3", "+5", "%2B5", "99999999999999999999999", "ten", "٣"] {
            let query = Query::parse(&format!("limit={wrong}"), &["limit"]).unwrap();
            assert!(query.number("limit", limits).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_query_or_refused(text in "[a-z%=&+0-9]{0,40}|\\PC{0,20}") {
            let _ = Query::parse(&text, &["a", "b"]);
        }

        #[test]
        fn what_was_encoded_reads_back(value in "\\PC{1,40}") {
            let mut text = "key=".to_owned();
            for byte in value.bytes() {
                write!(text, "%{byte:02X}").unwrap();
            }
            let query = Query::parse(&text, &["key"]).unwrap();
            prop_assert_eq!(query.text("key"), Some(value.as_str()));
        }
    }
}
