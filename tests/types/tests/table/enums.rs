//! Enums in each form that serde knows.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_repr::{Deserialize_repr, Serialize_repr};

use super::Table;

/// The same variants in each form.
macro_rules! forms {
    ($($name:ident: $($attribute:meta)?;)*) => { $(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        $(#[$attribute])?
        enum $name {
            Unit,
            Newtype(Address),
            Struct { ip: IpAddr, name: Option<String> },
            Map(BTreeMap<String, u64>),
        }

        impl $name {
            fn all() -> Vec<Self> {
                let ip = IpAddr::from([10, 0, 0, 7]);
                let map = BTreeMap::from([("a".to_owned(), u64::MAX)]);
                vec![
                    Self::Unit,
                    Self::Newtype(Address { ip, port: Some(80) }),
                    Self::Struct { ip, name: Some("a".to_owned()) },
                    Self::Map(map),
                ]
            }
        }
    )* };
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Address {
    ip: IpAddr,
    port: Option<u16>,
}

forms! {
    External: ;
    Internal: serde(tag = "kind");
    Adjacent: serde(tag = "kind", content = "of");
    Renamed: serde(rename_all = "kebab-case", rename_all_fields = "camelCase");
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tuples {
    Two(u8, String),
    None(),
    Nested(Box<Tuples>, Option<Box<Tuples>>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Nothing,
    Flag(bool),
    Number(i64),
    Ratio(f64),
    Ip(IpAddr),
    Text(String),
    Pair(u8, String),
    Address { ip: IpAddr, port: u16 },
    List(Vec<Untagged>),
    Fields(BTreeMap<String, Untagged>),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize_repr, Deserialize_repr)]
#[repr(u8)]
enum Repr {
    One = 1,
    Max = 255,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Other {
    Known,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Mixed {
    Tagged(u8),
    #[serde(untagged)]
    Ip(IpAddr),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Event {
    Opened(Opened),
    #[serde(rename = "gone", alias = "left")]
    Closed {
        at: std::time::Duration,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Opened {
    by: IpAddr,
    inner: Option<Box<Event>>,
}

pub(crate) async fn check(table: &mut Table) {
    table.equal("enum", External::all()).await;
    table.equal("enum in a map", BTreeMap::from([(1_u8, External::all())])).await;
    table.equal("enum with a tag", Internal::all()).await;
    table.equal("enum with tag and content", Adjacent::all()).await;
    table.equal("enum with other names", Renamed::all()).await;
    for one in External::all() {
        table.equal("option of a variant", Some(one)).await;
    }
    for one in Internal::all() {
        table.equal("variant with a tag", one).await;
    }
    for one in Adjacent::all() {
        table.equal("variant with tag and content", one).await;
    }
    let two = Tuples::Two(7, "a".to_owned());
    table.equal("tuple variant", two.clone()).await;
    table.equal("tuple variant without fields", Tuples::None()).await;
    table.equal("nested tuple variants", Tuples::Nested(Box::new(two.clone()), Some(Box::new(two)))).await;
    let ip = IpAddr::from([10, 0, 0, 7]);
    let untagged = vec![
        Untagged::Nothing,
        Untagged::Flag(true),
        Untagged::Number(-7),
        Untagged::Ratio(1.5),
        Untagged::Ip(ip),
        Untagged::Text("a".to_owned()),
        Untagged::Pair(7, "a".to_owned()),
        Untagged::Address { ip, port: 80 },
        Untagged::List(vec![Untagged::Ip(ip), Untagged::List(Vec::new())]),
        Untagged::Fields(BTreeMap::from([("a".to_owned(), Untagged::Nothing)])),
    ];
    for one in &untagged {
        table.equal("untagged variant", one.clone()).await;
    }
    table.equal("untagged list", Untagged::List(untagged)).await;
    table.equal("enum by number", [Repr::One, Repr::Max]).await;
    table.equal("enum with other, known", Other::Known).await;
    table.equal("enum with other", Other::Unknown).await;
    table.equal("enum with an untagged variant", vec![Mixed::Tagged(7), Mixed::Ip(ip)]).await;
    let rest = BTreeMap::from([("code".to_owned(), serde_json::json!(7))]);
    let closed = Event::Closed { at: std::time::Duration::from_millis(7), rest };
    table.equal("flatten in a tagged variant", closed.clone()).await;
    table.equal("tagged newtype", Event::Opened(Opened { by: ip, inner: Some(Box::new(closed)) })).await;
}
