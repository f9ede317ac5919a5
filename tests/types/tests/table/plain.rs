//! Types of the language and of the standard library that hold one thing.

use std::borrow::Cow;
use std::ffi::{CString, OsString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::{NonZeroI64, NonZeroU8, NonZeroU128, Saturating, Wrapping};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Table;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Newtype(u32);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tuple(u8, String, Option<bool>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Empty {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Generic<T> {
    of: T,
    mark: PhantomData<fn() -> T>,
}

pub(crate) async fn check(table: &mut Table) {
    table.equal("bool", true).await;
    table.equal("u8", u8::MAX).await;
    table.equal("i8", i8::MIN).await;
    table.equal("u16", u16::MAX).await;
    table.equal("i32", i32::MIN).await;
    table.equal("u64", u64::MAX).await;
    table.equal("i64", i64::MIN).await;
    table.equal("usize", usize::MAX).await;
    table.equal("u128", u128::MAX).await;
    table.equal("u128, small", 7_u128).await;
    table.equal("u128, past 64 bits", u128::from(u64::MAX) + 1).await;
    table.equal("i128", i128::MIN).await;
    table.equal("i128, small", -7_i128).await;
    table.equal("i128, past i64", i128::from(u64::MAX)).await;
    table.equal("f32", f32::MIN_POSITIVE).await;
    table.equal("f64", -0.1).await;
    table.equal("f64, infinite", f64::NEG_INFINITY).await;
    table.equal("char", 'ß').await;
    table.equal("String", "a\0b \u{1f980}".to_owned()).await;
    table.equal("String, empty", String::new()).await;
    table.equal("Box<str>", Box::<str>::from("boxed")).await;
    table.equal("Cow<str>", Cow::<'static, str>::from("either")).await;
    table.equal("unit", ()).await;
    table.equal("unit struct", Unit).await;
    table.equal("struct without fields", Empty {}).await;
    table.equal("newtype", Newtype(7)).await;
    table.equal("tuple struct", Tuple(1, "a".to_owned(), None)).await;
    table.equal("generic struct", Generic { of: vec![1_u8], mark: PhantomData }).await;
    table.equal("PhantomData", PhantomData::<u64>).await;
    table.equal("tuple of one", (7,)).await;
    table.equal("tuple of many", (1_u8, "a".to_owned(), 'c', 1.5, false, ())).await;
    table.equal("NonZeroU8", NonZeroU8::new(7).unwrap()).await;
    table.equal("NonZeroI64", NonZeroI64::new(-7).unwrap()).await;
    table.equal("NonZeroU128", NonZeroU128::MAX).await;
    table.equal("Wrapping", Wrapping(7_u32)).await;
    table.equal("Saturating", Saturating(7_i16)).await;
    table.equal("Duration", Duration::new(7, 999_999_999)).await;
    table.equal("Duration, longest", Duration::MAX).await;
    table.equal("SystemTime", SystemTime::UNIX_EPOCH + Duration::from_nanos(7)).await;
    table.equal("Ipv4Addr", Ipv4Addr::LOCALHOST).await;
    table.equal("Ipv6Addr", Ipv6Addr::LOCALHOST).await;
    table.equal("IpAddr", IpAddr::from([10, 0, 0, 7])).await;
    table.equal("SocketAddr", "10.0.0.7:80".parse::<SocketAddr>().unwrap()).await;
    table.equal("SocketAddrV6", "[::1]:80".parse::<SocketAddrV6>().unwrap()).await;
    table.equal("PathBuf", PathBuf::from("/srv/a b")).await;
    table.equal("OsString", OsString::from("a")).await;
    table.equal("CString", CString::new("a").unwrap()).await;
    table.equal("Range", Range { start: 1, end: 9 }).await;
    table.equal("RangeInclusive", RangeInclusive::new('a', 'f')).await;
    table.equal("RangeFrom", RangeFrom { start: 7_u64 }).await;
    table.equal("Bound", (Bound::Included(1), Bound::<i32>::Unbounded)).await;
    table.equal("Option, some", Some(7_u8)).await;
    table.equal("Option, none", None::<u8>).await;
    table.equal("Result, ok", Ok::<u8, String>(7)).await;
    table.equal("Result, error", Err::<u8, String>("no".to_owned())).await;
}
