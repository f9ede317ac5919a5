//! Parameters of a key as the text of one segment: readable while short and plain, else a hash.
//!
//! Owns: which of the two forms is taken, and that different parameters give different text.
//! Never: encodes parts (`segment` does) or checks a whole key (`key` does).
//!
//! The readable form never holds `~`, the hashed form begins with it, and no encoded part holds `~` or `=`.

use std::any::type_name;
use std::fmt::{self, Write as _};

use serde::Serialize;
use serde::de::{Deserializer as _, Visitor};

use super::segment::SEGMENT_MAX;
use crate::error::{Error, Result};

/// A name and its value as `MessagePack`.
pub(super) type Param = (String, Vec<u8>);

/// The value as `MessagePack` with named fields; numbers take their shortest form, so `10_u8` is `10_i64`.
pub(super) fn pack<V: Serialize + ?Sized>(value: &V) -> Result<Vec<u8>> {
    // What `Serialize` says is left out: it may quote the value.
    let mut packed = Vec::new();
    let written = crate::codec::value::write(&mut packed, value);
    written.map(|()| packed).map_err(|_| Error::Encode {
        type_name: type_name::<V>(),
        reason: "its Serialize failed, so it cannot be a parameter of a key".into(),
    })
}

/// The segment for one parameter without a name.
pub(super) fn unnamed(packed: &[u8]) -> String {
    readable(packed).filter(|text| text.len() <= SEGMENT_MAX).unwrap_or_else(|| hashed(0, [("", packed)]))
}

/// The segment for named parameters, which are sorted by name; refuses a name that occurs twice.
pub(super) fn named(params: &mut [Param]) -> Result<String, &'static str> {
    params.sort();
    if params.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("a parameter is named twice");
    }
    let pieces = params.iter().map(|(name, packed)| {
        is_plain(name).then(|| readable(packed)).flatten().map(|value| format!("{name}={value}"))
    });
    let text = pieces.collect::<Option<Vec<_>>>().map(|pieces| pieces.join(","));
    Ok(text
        .filter(|text| text.len() <= SEGMENT_MAX)
        .unwrap_or_else(|| hashed(1, params.iter().map(|(name, packed)| (name.as_str(), packed.as_slice())))))
}

/// `~` and half of a SHA-256 over the parameters. Lengths stand before what they measure, so that no two lists
/// feed the same bytes; `form` keeps the named and the unnamed apart.
pub(super) fn hashed<'a>(form: u8, params: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = hmac_sha256::Hash::new();
    hash.update([form]);
    for (name, packed) in params {
        for piece in [name.as_bytes(), packed] {
            hash.update((piece.len() as u64).to_le_bytes());
            hash.update(piece);
        }
    }
    hash.finalize()[..16].iter().fold(String::from("~"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// The plain text of a packed value, if it has one.
fn readable(packed: &[u8]) -> Option<String> {
    rmp_serde::Deserializer::from_read_ref(packed).deserialize_any(Plain).ok()
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Takes what has a plain text and refuses all else.
struct Plain;

impl Visitor<'_> for Plain {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a truth value or plain text")
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f32<E>(self, value: f32) -> Result<String, E> {
        Ok(format!("{value:?}"))
    }

    // `Debug` writes 1.0 where `Display` writes 1, so a float never looks like a whole number.
    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(format!("{value:?}"))
    }

    // "10" and 10 are different parameters: text that reads as a number or truth value has no plain text.
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        let reads_as_other = text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok();
        if is_plain(text) && !reads_as_other { Ok(text.to_owned()) } else { Err(E::custom("not plain")) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    fn of<V: Serialize + ?Sized>(value: &V) -> String {
        unnamed(&pack(value).unwrap())
    }

    #[test]
    fn short_plain_values_stay_readable_and_others_are_hashed() {
        assert_eq!(of("top10"), "top10");
        assert_eq!(of(&10), "10");
        assert_eq!(of(&-3_i64), "-3");
        assert_eq!(of(&u64::MAX), u64::MAX.to_string());
        assert_eq!(of(&true), "true");
        assert_eq!(of(&2.5), "2.5");
        for hashed in
            [of("a b"), of(""), of("~x"), of("a=b"), of(&[1, 2]), of(&"x".repeat(65)), of(&None::<u8>)]
        {
            assert!(hashed.starts_with('~') && hashed.len() == 33, "{hashed}");
        }
    }

    #[test]
    fn values_that_print_alike_do_not_share_a_text() {
        let texts = [of(&1), of("1"), of(&1.0), of("1.0"), of(&true), of("true"), of("NaN"), of(&f64::NAN)];
        let distinct: HashSet<_> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len(), "{texts:?}");
        assert_eq!(of(&1_u8), of(&1_i64), "the width of a number is no part of it");
        assert_eq!(of("a"), of(&'a'));
    }

    #[test]
    fn names_are_sorted_and_named_once() {
        let mut params = vec![("b".to_owned(), pack("x").unwrap()), ("a".to_owned(), pack(&1).unwrap())];
        assert_eq!(named(&mut params).unwrap(), "a=1,b=x");
        params.push(("a".to_owned(), pack(&2).unwrap()));
        assert!(named(&mut params).is_err());
    }

    #[derive(Debug, Clone, PartialEq, Serialize)]
    #[serde(untagged)]
    enum Any {
        Bool(bool),
        Int(i64),
        Text(String),
        List(Vec<i8>),
        Map(BTreeMap<String, u8>),
    }

    fn any_value() -> impl Strategy<Value = Any> {
        prop_oneof![
            any::<bool>().prop_map(Any::Bool),
            (-3_i64..30).prop_map(Any::Int),
            "[0-9a,=~.-]{0,3}".prop_map(Any::Text),
            prop::collection::vec(-1_i8..2, 0..3).prop_map(Any::List),
            prop::collection::btree_map("[ab]", 0_u8..2, 0..2).prop_map(Any::Map),
        ]
    }

    fn any_params() -> impl Strategy<Value = BTreeMap<String, Any>> {
        prop::collection::btree_map("[a=,~1]{0,2}", any_value(), 1..3)
    }

    proptest! {
        #[test]
        fn different_parameters_give_different_text(left in any_params(), right in any_params()) {
            let text = |params: &BTreeMap<String, Any>| {
                let mut params: Vec<_> =
                    params.iter().map(|(name, value)| (name.clone(), pack(value).unwrap())).collect();
                named(&mut params).unwrap()
            };
            prop_assert_eq!(left == right, text(&left) == text(&right));
        }

        #[test]
        fn different_single_values_give_different_text(left in any_value(), right in any_value()) {
            prop_assert_eq!(left == right, of(&left) == of(&right));
            prop_assert!(!of(&left).contains([':', '*', '?', '=', '%']));
        }
    }

    #[test]
    fn the_hash_is_the_same_in_every_build() {
        // Keys live in outer levels and in snapshots: a change of this text makes all of them unreachable.
        assert_eq!(of("two words"), "~e9863389ec5c707c1d38fe910b81496c");
    }
}
