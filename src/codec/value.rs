//! Values: bytes that know which type they were written from.
//!
//! Owns: the encoding, `MessagePack` with named fields. Never: shows a value, in an error or otherwise.

use std::any::type_name;
use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use rmp_serde::{decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use crate::error::{Error, Result, Shown};

/// Room to write in that a thread keeps.
const ROOM_MAX: usize = 64 << 10;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An encoded value with the fingerprint of its type. A clone shares the bytes.
///
/// Fields are written by name, so a type may gain fields that have a default, and still read its old values.
/// Typed messages carry values in this form; its `Debug` shows the size alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    bytes: Bytes,
    fingerprint: Fingerprint,
}

impl Value {
    /// Encodes `value`, in an allocation of exactly its size.
    ///
    /// Errors: `Encode`, when its `Serialize` fails. Cost: one pass and a copy.
    ///
    /// ```
    /// use apex_cache::Value;
    /// let value = Value::encode("hello")?;
    /// assert_eq!(value.decode::<String>("greeting")?, "hello");
    /// assert!(value.decode::<u64>("greeting").is_err());
    /// # Ok::<(), apex_cache::Error>(())
    /// ```
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        // Written where there is room, then copied: a buffer that grows from nothing is moved five times on the way. Taken out
        // for the time, for a `Serialize` may encode something else.
        let mut room = ROOM.take();
        let written = encode::write_named(&mut room, value);
        let bytes = Bytes::from(Box::<[u8]>::from(room.as_slice()));
        room.clear();
        if room.capacity() <= ROOM_MAX {
            ROOM.set(room);
        }
        written.map_err(|error| Error::Encode {
            type_name: type_name::<T>(),
            reason: encode_reason(&error).into(),
        })?;
        Ok(Self { bytes, fingerprint: Fingerprint::of::<T>() })
    }

    /// Decodes the value; `key` is named in errors.
    ///
    /// Errors: `WrongType` when it was encoded from another type, see [`Fingerprint`]; `Decode` when the bytes do
    /// not make a `T`, or more bytes than a `T`. Cost: one pass, and what `T` allocates.
    pub fn decode<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        if !self.holds::<T>() {
            return Err(Error::WrongType { key: Shown::new(key), asked: type_name::<T>() });
        }
        let mut reader = rmp_serde::Deserializer::from_read_ref(&self.bytes);
        let failed = |reason: &str| Error::Decode { type_name: type_name::<T>(), reason: reason.into() };
        let value = T::deserialize(&mut reader).map_err(|error| failed(decode_reason(&error)))?;
        // The reader does not tell where it stands, but only at its end does no further value begin. A `bool` is
        // asked for because that looks into no list or map, which could end early in the same way.
        match bool::deserialize(&mut reader) {
            Err(decode::Error::InvalidMarkerRead(_)) => Ok(value),
            _ => Err(failed("there are bytes left after the value")),
        }
    }

    /// What is stored where the source said that there is nothing under the key. It decodes as no type.
    pub(crate) fn nothing() -> Self {
        Self { bytes: Bytes::new(), fingerprint: Fingerprint::NOTHING }
    }

    /// Whether it says that the source has nothing under the key, see `not_found_ttl`.
    pub fn is_nothing(&self) -> bool {
        self.fingerprint == Fingerprint::NOTHING
    }

    /// The same bytes as if they had been written from a `T`. `Option<T>` writes what `T` writes when it is `Some`, so
    /// that a function which returns one can share its entries with everybody else.
    pub(crate) fn counted_as<T: ?Sized>(self) -> Self {
        Self { fingerprint: Fingerprint::of::<T>(), ..self }
    }

    /// Whether the value was encoded from a type that counts as `T`. Cost: a few nanoseconds.
    #[inline]
    pub fn holds<T: ?Sized>(&self) -> bool {
        self.fingerprint == Fingerprint::of::<T>()
    }

    /// The encoded bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The fingerprint of the type.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// How many bytes it takes; none only where it [is nothing](Self::is_nothing).
    #[allow(clippy::len_without_is_empty)] // that is what `is_nothing` is called
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Which values a reader takes; others count as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// `None`: of any type.
    of: Option<(Fingerprint, Fingerprint)>,
    nothing: bool,
}

impl Wanted {
    /// A value of any type.
    pub const ANY: Self = Self { of: None, nothing: false };

    /// A `T`.
    pub fn of<T: ?Sized>() -> Self {
        Self { of: Some((Fingerprint::of::<T>(), Fingerprint::of::<T>())), nothing: false }
    }

    /// Also an `U`.
    #[must_use]
    pub(crate) fn or<U: ?Sized>(self) -> Self {
        Self { of: self.of.map(|(of, _)| (of, Fingerprint::of::<U>())), ..self }
    }

    /// Also that the source has nothing.
    #[must_use]
    pub fn or_nothing(self) -> Self {
        Self { nothing: true, ..self }
    }

    /// Whether the reader takes `value`.
    pub fn takes(self, value: &Value) -> bool {
        let fits = |(of, or)| of == value.fingerprint || or == value.fingerprint;
        if value.is_nothing() { self.nothing } else { self.of.is_none_or(fits) }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes, {:?})", self.len(), self.fingerprint)
    }
}

/// What went wrong. The text of the error itself is left out: it may quote the value.
fn encode_reason(error: &encode::Error) -> &'static str {
    match error {
        encode::Error::UnknownLength => "its Serialize does not say how long a list or map is",
        encode::Error::DepthLimitExceeded => "it is nested too deeply",
        encode::Error::InvalidDataModel(_) => "its Serialize breaks the rules of serde",
        encode::Error::InvalidValueWrite(_) => "it could not be written",
        encode::Error::Syntax(_) => "its Serialize returned an error, not shown as it may quote the value",
    }
}

/// What went wrong. Of the text of the error only the kind is kept: the rest may quote the value.
fn decode_reason(error: &decode::Error) -> &'static str {
    match error {
        decode::Error::InvalidMarkerRead(_) | decode::Error::InvalidDataRead(_) => "the bytes end early",
        decode::Error::TypeMismatch(_) => "invalid type",
        decode::Error::OutOfRange => "a number is out of range",
        decode::Error::LengthMismatch(_) => "invalid length",
        decode::Error::Utf8Error(_) => "a text is not UTF-8",
        decode::Error::DepthLimitExceeded => "it is nested too deeply",
        decode::Error::Uncategorized(text) | decode::Error::Syntax(text) => {
            const KINDS: [&str; 7] = [
                "invalid type",
                "invalid value",
                "invalid length",
                "unknown variant",
                "unknown field",
                "missing field",
                "duplicate field",
            ];
            let kind = KINDS.into_iter().find(|kind| text.starts_with(kind));
            kind.unwrap_or("its Deserialize returned an error, not shown as it may quote the value")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde::Deserializer;

    use super::*;
    use crate::error::ErrorKind;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Unit,
        Newtype(String),
        Tuple(i8, u64),
        Struct { at: Option<i64>, ratio: f64 },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Row {
        id: u128,
        name: String,
        shapes: Vec<Shape>,
        by_name: BTreeMap<String, (bool, char)>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        parent: Option<Box<Row>>,
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        prop_oneof![
            Just(Shape::Unit),
            ".{0,40}".prop_map(Shape::Newtype),
            any::<(i8, u64)>().prop_map(|(left, right)| Shape::Tuple(left, right)),
            (any::<Option<i64>>(), -1e300..1e300).prop_map(|(at, ratio)| Shape::Struct { at, ratio }),
        ]
    }

    fn rows() -> impl Strategy<Value = Row> {
        let by_name = prop::collection::btree_map(".{0,4}", any::<(bool, char)>(), 0..4);
        let fields = (any::<u128>(), ".{0,20}", prop::collection::vec(shapes(), 0..4), by_name);
        let flat = fields
            .prop_map(|(id, name, shapes, by_name)| Row { id, name, shapes, by_name, parent: None })
            .boxed();
        (flat.clone(), prop::option::of(flat))
            .prop_map(|(row, parent)| Row { parent: parent.map(Box::new), ..row })
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(row in rows(), list in any::<Vec<Option<(u16, String)>>>()) {
            let value = Value::encode(&row).unwrap();
            prop_assert_eq!(value.decode::<Row>("k").unwrap(), row);
            let again: Vec<Option<(u16, String)>> =
                Value::encode(list.as_slice()).unwrap().decode("k").unwrap();
            prop_assert_eq!(again, list);
        }

        #[test]
        fn cut_or_changed_bytes_give_an_error_or_a_value_and_never_a_panic(
            row in rows(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let whole = Value::encode(&row).unwrap();
            let mut bytes = whole.bytes.to_vec();
            let place = at.index(bytes.len());
            bytes[place] = byte;
            let cut = Value { bytes: whole.bytes.slice(..place), ..whole.clone() };
            let _ = Value { bytes: bytes.into(), ..whole }.decode::<Row>("k");
            prop_assert!(cut.decode::<Row>("k").is_err());
        }
    }

    #[test]
    fn a_value_is_read_by_owner_whatever_lent_it() {
        let shared: Arc<[&str]> = Arc::from(["a", "b"]);
        let value = Value::encode(&shared).unwrap();
        assert_eq!(value.decode::<Vec<String>>("k").unwrap(), ["a", "b"]);
        assert_eq!(value.decode::<Arc<[Box<str>]>>("k").unwrap().len(), 2);
        assert!(value.holds::<Vec<String>>() && !value.holds::<[String; 2]>());
    }

    #[test]
    fn another_type_is_refused_even_when_the_bytes_would_fit() {
        let error = Value::encode(&7_u8).unwrap().decode::<u16>("user::42").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"user::42\" holds another type than u16; use one type per key, or remove the key first"
        );
    }

    #[test]
    fn bytes_after_the_value_are_refused() {
        for (byte, tail) in (0..=u8::MAX).flat_map(|byte| [(byte, &[][..]), (byte, &[0, 0, 0, 1, 0xff][..])])
        {
            let bytes = [&[1, byte], tail].concat().into();
            let value = Value { bytes, fingerprint: Fingerprint::of::<u8>() };
            let error = value.decode::<u8>("k").unwrap_err();
            assert!(error.to_string().contains("bytes left"), "{byte:x}: {error}");
        }
    }

    #[test]
    fn no_spare_memory_is_kept() {
        let value = Value::encode(&vec![7_u8; 1_000]).unwrap();
        let length = value.len();
        let owned = value.bytes.try_into_mut().expect("nobody shares the bytes");
        assert_eq!(owned.capacity(), length);
    }

    struct Refusing;

    impl Serialize for Refusing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("cannot write secret"))
        }
    }

    #[derive(Debug)]
    struct Quoting;

    impl<'de> Deserialize<'de> for Quoting {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format_args!("do not like {text}")))
        }
    }

    fn decoded_as<T: DeserializeOwned>(text: &str) -> String {
        let written = Value::encode(text).unwrap();
        let value = Value { fingerprint: Fingerprint::of::<T>(), ..written };
        let Err(error) = value.decode::<T>("k") else { panic!("decoded") };
        assert_eq!(error.kind(), ErrorKind::Decode);
        format!("{error} {error:?}")
    }

    #[test]
    fn no_error_and_no_debug_form_quotes_the_value() {
        let shown = [
            decoded_as::<u32>("secret"),
            decoded_as::<Shape>("secret"),
            decoded_as::<Quoting>("secret"),
            decoded_as::<Vec<u8>>("secret"),
            format!("{:?}", Value::encode("secret").unwrap()),
            format!("{:?}", Value::encode(&Refusing).unwrap_err()),
        ];
        for text in shown {
            assert!(!text.contains("secret") && !text.contains("115"), "{text}");
        }
        assert!(decoded_as::<u32>("secret").contains("as u32: invalid type;"));
    }
}
