//! Types of crates that hosts use.

use std::collections::BTreeMap;

use arrayvec::ArrayVec;
use bitflags::bitflags;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use compact_str::CompactString;
use either::Either;
use indexmap::{IndexMap, IndexSet};
use ipnet::IpNet;
use num_bigint::{BigInt, BigUint};
use ordered_float::OrderedFloat;
use rust_decimal::Decimal;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::{Map, Number, Value, json};
use serde_with::{DisplayFromStr, DurationSeconds, serde_as};
use smallvec::SmallVec;
use time::macros::{date, datetime, time};
use url::Url;
use uuid::Uuid;

use super::Table;

bitflags! {
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    struct Rights: u8 {
        const READ = 1;
        const WRITE = 2;
    }
}

#[serde_as]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct With {
    #[serde_as(as = "DisplayFromStr")]
    number: u128,
    #[serde_as(as = "DurationSeconds<u64>")]
    span: std::time::Duration,
    #[serde_as(as = "BTreeMap<DisplayFromStr, _>")]
    map: BTreeMap<u8, bool>,
    #[serde_as(as = "Option<Vec<(_, DisplayFromStr)>>")]
    pairs: Option<Vec<(u8, std::net::IpAddr)>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: Uuid,
    at: DateTime<Utc>,
    price: Decimal,
    home: Option<Url>,
    extra: Value,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    seen: DateTime<Utc>,
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
}

/// What a host gets from an untagged answer of another service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Id(Uuid),
    At(DateTime<Utc>),
    Net(IpNet),
    Price(Decimal),
    Home(Url),
    Other(Value),
}

pub(crate) async fn check(table: &mut Table) {
    let at = Utc.with_ymd_and_hms(2024, 2, 29, 23, 59, 59).unwrap() + TimeDelta::nanoseconds(123_456_789);
    let id = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
    times(table, at).await;
    untagged(table, id, at).await;
    table.equal("Uuid", id).await;
    table.equal("Uuid in a map", BTreeMap::from([(id, vec![Uuid::nil()])])).await;
    table.equal("Url", Url::parse("https://ann@example.org/a?b=%20#c").unwrap()).await;
    table.equal("IpNet", "10.0.0.0/8".parse::<IpNet>().unwrap()).await;
    table.equal("Decimal", Decimal::new(-12_340, 3)).await;
    table.equal("BigUint", BigUint::from(7_u8).pow(100)).await;
    table.equal("BigInt", -BigInt::from(7_u8).pow(100)).await;
    table.equal("OrderedFloat, NaN", OrderedFloat(f64::NAN)).await;
    table.equal("Version", Version::parse("1.2.3-rc.1+build").unwrap()).await;
    table.equal("VersionReq", VersionReq::parse(">=1.2, <2").unwrap()).await;
    table.equal("Bytes", Bytes::from_static(b"\0\xff")).await;
    table.equal("ByteBuf", ByteBuf::from([7; 300])).await;
    table.equal("CompactString", CompactString::new("a text that is longer than 24 bytes")).await;
    table.equal("SmallVec", SmallVec::<[u16; 2]>::from_slice(&[1, 2, 3])).await;
    table.equal("ArrayVec", ArrayVec::from(["a".to_owned()])).await;
    table
        .equal("IndexMap", IndexMap::<String, u8>::from_iter([("b".to_owned(), 1), ("a".to_owned(), 2)]))
        .await;
    table.equal("IndexSet", IndexSet::<u8>::from_iter([3, 1])).await;
    table.equal("Either", Either::<u8, String>::Right("a".to_owned())).await;
    table.equal("bitflags", Rights::READ | Rights::WRITE).await;
    table.equal("serde_json Number", Number::from_f64(0.1).unwrap()).await;
    table.equal("serde_json Map", Map::from_iter([("a".to_owned(), json!(null))])).await;
    let deep = json!({"a": [1, -1, 1.5, u64::MAX, "x", null, true, {"b": {}}], "": []});
    table.equal("serde_json Value", deep.clone()).await;
    let pairs = Some(vec![(7, std::net::IpAddr::from([10, 0, 0, 7]))]);
    let with = With {
        number: u128::MAX,
        span: std::time::Duration::from_secs(7),
        map: BTreeMap::from([(1, true)]),
        pairs,
    };
    table.equal("serde_as", with).await;
    let seen = Utc.timestamp_millis_opt(7).unwrap();
    let home = Some(Url::parse("https://example.org/").unwrap());
    table
        .equal(
            "row",
            Row { id, at, price: Decimal::new(995, 2), home, extra: deep, seen, body: vec![0, 255] },
        )
        .await;
}

async fn times(table: &mut Table, at: DateTime<Utc>) {
    table.equal("chrono DateTime<Utc>", at).await;
    table
        .equal("chrono DateTime<FixedOffset>", at.with_timezone(&FixedOffset::east_opt(5_400).unwrap()))
        .await;
    table.equal("chrono NaiveDate", NaiveDate::from_ymd_opt(-44, 3, 15).unwrap()).await;
    table.equal("chrono NaiveDateTime", NaiveDateTime::default()).await;
    table.equal("chrono NaiveTime", NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).unwrap()).await;
    table.equal("chrono TimeDelta", TimeDelta::milliseconds(-7)).await;
    table.equal("chrono Weekday", Weekday::Sun).await;
    table.equal("time OffsetDateTime", datetime!(2024-02-29 12:00:00.5 +2)).await;
    table.equal("time PrimitiveDateTime", datetime!(2024-02-29 12:00)).await;
    table.equal("time Date", date!(2024 - 02 - 29)).await;
    table.equal("time Time", time!(23:59:59.999)).await;
    table.equal("time Duration", time::Duration::new(-7, -5)).await;
}

async fn untagged(table: &mut Table, id: Uuid, at: DateTime<Utc>) {
    let home = Url::parse("https://example.org/").unwrap();
    table.equal("untagged Uuid", Loose::Id(id)).await;
    table.equal("untagged DateTime", Loose::At(at)).await;
    table.equal("untagged IpNet", Loose::Net("10.0.0.0/8".parse().unwrap())).await;
    table.equal("untagged Url", Loose::Home(home)).await;
    table.equal("untagged list", vec![Loose::Id(id), Loose::Other(json!({"V4": [10, 0, 0, 7]}))]).await;
}
