//! Types that cannot be read back: no other reader is served them, and the words say why.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Table;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct OneWay {
    open_issues: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SkippedOnce {
    #[serde(skip_serializing)]
    secret: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LeftOut {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Hidden {
    #[serde(skip)]
    Never,
    #[serde(rename(deserialize = "other"))]
    Renamed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Comment {
    replies: Vec<Comment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Expr {
    Not(Box<Expr>),
    Lit,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum TaggedNewtype {
    Number(u8),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Wide {
    Number(u128),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FlatNumber {
    #[serde(flatten)]
    number: Inner,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner {
    wide: i128,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
struct Even(u32);

impl From<Even> for u32 {
    fn from(even: Even) -> Self {
        even.0
    }
}

impl TryFrom<u32> for Even {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

/// Writes a number and reads a text.
#[derive(Debug, Clone, PartialEq)]
struct Crossed(u8);

impl Serialize for Crossed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for Crossed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.len() as u8))
    }
}

/// Cannot be written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Unwritten;

impl Serialize for Unwritten {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a secret"))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Page {
    rows: BTreeMap<String, Vec<OneWay>>,
}

pub(crate) async fn check(table: &mut Table) {
    let repo = OneWay { open_issues: 7 };
    table.refused("rename_all for one side", repo.clone(), "missing field `openIssues`").await;
    let page = Page { rows: BTreeMap::from([("a".to_owned(), vec![repo])]) };
    table.refused("the same, inside", page, "missing field `openIssues` at `rows[key][0]`").await;
    table.refused("skip_serializing", SkippedOnce { secret: 7 }, "missing field `secret`").await;
    table
        .refused("skip_serializing_if without default", LeftOut { list: Vec::new() }, "missing field `list`")
        .await;
    table.refused("skipped variant", Hidden::Never, "its Serialize returned an error").await;
    table.refused("renamed variant", Hidden::Renamed, "unknown variant").await;
    let deep = (0..64).fold(Comment { replies: Vec::new() }, |one, _| Comment { replies: vec![one] });
    table.refused("tree of 130 levels", deep, "deeper than 128 levels").await;
    let deep = (0..200).fold(Expr::Lit, |one, _| Expr::Not(Box::new(one)));
    table.refused("200 variants", deep, "deeper than 128 levels").await;
    let deep = (0..129).fold(serde_json::Value::Null, |one, _| serde_json::Value::Array(vec![one]));
    table.refused("129 lists of JSON", deep, "deeper than 128 levels").await;
    table.refused("tag around a number", TaggedNewtype::Number(7), "its Serialize returned an error").await;
    table.refused("untagged u128", Wide::Number(u128::MAX), "no variant of an untagged enum fits").await;
    let flat = FlatNumber { number: Inner { wide: i128::MIN } };
    table.refused("flattened i128", flat, "its Deserialize returned an error").await;
    table.refused("try_from that refuses", Even(7), "its Deserialize returned an error").await;
    table.refused("number for text", Crossed(7), "invalid type: integer").await;
    table.refused("Serialize that fails", Unwritten, "its Serialize returned an error").await;
    table.refused("the same in a list", vec![Some(Unwritten)], "its Serialize returned an error").await;
}
