//! Values there and back, cut, changed, and taken for what they are not.
//!
//! Owns: properties of one value. Never: compresses.

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
    for (byte, tail) in (0..=u8::MAX).flat_map(|byte| [(byte, &[][..]), (byte, &[0, 0, 0, 1, 0xff][..])]) {
        let bytes = [&[1, byte], tail].concat().into();
        let value =
            Value { bytes, fingerprint: Fingerprint::of::<u8>(), packed: Packed::Plain, charged: None };
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

fn decoded_as<T: DeserializeOwned + Send>(text: &str) -> String {
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

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Peer {
    Ip(std::net::IpAddr),
    Other(serde_json::Value),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Host {
    #[serde(flatten)]
    at: Option<Address>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Address {
    ip: std::net::IpAddr,
}

#[test]
fn what_serde_reads_without_its_type_comes_back_as_it_was() {
    let ip = std::net::IpAddr::from([10, 0, 0, 7]);
    let peers = [Peer::Ip(ip), Peer::Other(serde_json::json!({"a": [1]}))];
    let read: Vec<Peer> = Value::encode(peers.as_slice()).unwrap().decode("k").unwrap();
    assert_eq!(read, peers);
    let host = Host { at: Some(Address { ip }) };
    assert_eq!(Value::encode(&host).unwrap().decode::<Host>("k").unwrap(), host);
    let wide = [i128::MIN, -1, 7, u64::MAX.into(), i128::MAX];
    assert_eq!(Value::encode(&wide).unwrap().decode::<[i128; 5]>("k").unwrap(), wide);
    let wide = [0, u64::MAX.into(), u128::MAX];
    assert_eq!(Value::encode(&wide).unwrap().decode::<[u128; 3]>("k").unwrap(), wide);
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct Repo {
    open_issues: u32,
}

#[derive(Serialize, Deserialize)]
struct Page {
    repos: BTreeMap<String, Vec<Repo>>,
}

#[derive(Serialize)]
enum Written {
    Circle { radius: String },
}

#[derive(Debug, Deserialize)]
enum Read {
    #[allow(dead_code)]
    Circle { radius: u8 },
}

#[test]
fn what_cannot_be_read_is_told_with_its_place_and_no_key_or_value() {
    let page = Page { repos: BTreeMap::from([("secret".to_owned(), vec![Repo { open_issues: 3 }])]) };
    let error = Value::encode(&page).unwrap().decode::<Page>("k").err().unwrap().to_string();
    assert!(error.contains("missing field `openIssues` at `repos[key][0]`;"), "{error}");

    let mut value = Value::encode(&[Written::Circle { radius: "secret".to_owned() }]).unwrap();
    value.count_as::<Vec<Read>>();
    let error = value.decode::<Vec<Read>>("k").unwrap_err().to_string();
    assert!(error.contains("invalid type at `[0].Circle.radius`;"), "{error}");

    let mut value = Value::encode(&BTreeMap::from([("secret", 1)])).unwrap();
    value.count_as::<Address>();
    let error = value.decode::<Address>("k").unwrap_err().to_string();
    assert!(error.contains(": missing field `ip`;"), "{error}");

    let mut value = Value::encode("secret").unwrap();
    value.count_as::<Read>();
    let error = value.decode::<Read>("k").unwrap_err().to_string();
    assert!(error.contains(": unknown variant;"), "{error}");
}
