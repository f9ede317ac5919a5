//! The attributes of serde on structs.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Table;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Renamed {
    open_issues: u32,
    #[serde(rename = "type")]
    kind: String,
    #[serde(alias = "old")]
    new: u8,
    #[serde(default)]
    maybe: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    list: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Address {
    ip: IpAddr,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    address: Address,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct MaybeFlat {
    name: String,
    #[serde(flatten)]
    address: Option<Address>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FlatMap {
    id: u64,
    #[serde(flatten)]
    rest: HashMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FlatEnum {
    id: u64,
    #[serde(flatten)]
    state: State,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    Running { on: IpAddr },
    Done,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    inner: BTreeMap<u8, Address>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Even(u32);

impl From<Even> for String {
    fn from(even: Even) -> Self {
        even.0.to_string()
    }
}

impl TryFrom<String> for Even {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number: u32 = text.parse().map_err(|_| "no number".to_owned())?;
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "(f64, f64)", into = "(f64, f64)")]
struct Point {
    x: f64,
    y: f64,
}

impl From<(f64, f64)> for Point {
    fn from((x, y): (f64, f64)) -> Self {
        Self { x, y }
    }
}

impl From<Point> for (f64, f64) {
    fn from(Point { x, y }: Point) -> Self {
        (x, y)
    }
}

mod hex {
    use super::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

/// In another form for people than for machines, as the types of many crates.
#[derive(Debug, Clone, PartialEq)]
struct TwoForms(u32);

impl Serialize for TwoForms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.0)
        } else {
            serializer.serialize_u32(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for TwoForms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map(Self).map_err(serde::de::Error::custom)
        } else {
            u32::deserialize(deserializer).map(Self)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct With {
    #[serde(with = "hex")]
    number: u64,
    #[serde(serialize_with = "hex::serialize", deserialize_with = "hex::deserialize")]
    other: u64,
    text: Cow<'static, str>,
    forms: TwoForms,
    #[serde(default = "seven", skip_serializing_if = "is_seven")]
    seven: u8,
}

fn seven() -> u8 {
    7
}

fn is_seven(number: &u8) -> bool {
    *number == 7
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Defaults {
    text: String,
    skipped: Option<u8>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { text: "some".to_owned(), skipped: Some(7) }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Two(TwoForms, u8),
    Flat(MaybeFlat),
}

pub(crate) async fn check(table: &mut Table) {
    let renamed = Renamed { open_issues: 7, kind: "a".to_owned(), new: 1, maybe: None, list: Vec::new() };
    table.equal("rename, alias, deny_unknown_fields", renamed.clone()).await;
    table.equal("skip_serializing_if, written", Renamed { maybe: Some(1), list: vec![1], ..renamed }).await;
    let (ip, name) = (IpAddr::from([10, 0, 0, 7]), "a".to_owned());
    let address = Address { ip, port: None };
    table.equal("flatten", Flat { name: name.clone(), address: address.clone() }).await;
    let flat = MaybeFlat { name: name.clone(), address: Some(address.clone()) };
    table.equal("flatten an option", flat.clone()).await;
    table.equal("flatten nothing", MaybeFlat { name, address: None }).await;
    let rest = HashMap::from([("a".to_owned(), serde_json::json!([1, {"b": null}]))]);
    table.equal("flatten a map", FlatMap { id: u64::MAX, rest }).await;
    table.equal("flatten an enum", FlatEnum { id: 7, state: State::Running { on: ip } }).await;
    table.equal("flatten a unit variant", FlatEnum { id: 7, state: State::Done }).await;
    table.equal("transparent", Transparent { inner: BTreeMap::from([(1, address)]) }).await;
    table.equal("into, try_from", Even(8)).await;
    table.equal("into, from", Point { x: 0.1, y: -0.0 }).await;
    let with = With { number: 255, other: 7, text: "a".into(), forms: TwoForms(7), seven: 7 };
    table.equal("with", with.clone()).await;
    table.equal("default by path", With { seven: 8, ..with }).await;
    table.equal("default struct", Defaults { text: String::new(), skipped: None }).await;
    table.equal("two forms, untagged", Loose::Two(TwoForms(7), 1)).await;
    table.equal("flatten, untagged", Loose::Flat(flat)).await;
}
