//! Types that serde itself brings back changed, in any format. `assert_cacheable` finds them.

use serde::{Deserialize, Serialize};

use super::Table;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Session {
    user: String,
    #[serde(skip)]
    secret: u64,
    #[serde(skip_serializing, default)]
    token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Defaults {
    #[serde(skip_serializing_if = "Option::is_none", default = "some")]
    limit: Option<u8>,
}

#[allow(clippy::unnecessary_wraps)] // so serde calls it
fn some() -> Option<u8> {
    Some(10)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nested {
    changed: Option<Option<u8>>,
    unit: Option<()>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Order {
    Ratio(f64),
    Number(u64),
    Text(String),
    Letter(char),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    maybe: Option<Limits>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Limits {
    #[serde(rename(serialize = "max"))]
    most: u8,
}

pub(crate) async fn check(table: &mut Table) {
    let session = Session { user: "Ann".to_owned(), secret: 7, token: Some("t".to_owned()) };
    let copy = Session { secret: 0, token: None, ..session.clone() };
    table.differs("skip", session.clone(), copy, "`secret` was 7 and comes back as 0").await;
    let copy = Session { secret: 0, token: None, ..session.clone() };
    table.differs("skip in a list", vec![session], vec![copy], "`[0].secret` was 7").await;
    let (none, some) = (Defaults { limit: None }, Defaults { limit: Some(10) });
    table.differs("skip_serializing_if with another default", none, some, "`limit` was None").await;
    let (was, is) = (Nested { changed: Some(None), unit: None }, Nested { changed: None, unit: None });
    table.differs("Some(None)", was, is, "`changed` was Some(").await;
    let (was, is) = (Nested { changed: None, unit: Some(()) }, Nested { changed: None, unit: None });
    table.differs("Some(())", was, is, "`unit` was Some(").await;
    table.differs("Some of Some(None)", Some(Some(None::<u8>)), None, "was Some(").await;
    table.differs("untagged, first that fits", Order::Number(7), Order::Ratio(7.0), "was Number(").await;
    table.differs("untagged char", Order::Letter('a'), Order::Text("a".to_owned()), "was Letter(").await;
    let (was, is) = (Flat { maybe: Some(Limits { most: 7 }) }, Flat { maybe: None });
    table.differs("flattened option that cannot be read", was, is, "`maybe` was Some(").await;
}
