//! Values nested to the limit and far past it, written and read on the small stack of a worker thread.
//!
//! Owns: that nothing a host or a stranger nests ends the process. These run as they are built, without optimisation too.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::iter;
use std::mem::forget;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::*;
use crate::codec::pack::Packed;
use crate::codec::value::{Value, decode_stored};
use crate::error::ErrorKind;

/// What a worker of tokio has.
const STACK: usize = 2 << 20;
const DEEP: usize = 200_000;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Comment {
    text: String,
    replies: Vec<Comment>,
}

/// As wide as rows are: what a frame holds by value, it holds for each level.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wide {
    numbers: [[u64; 16]; 2],
    names: [String; 4],
    next: Option<Box<Wide>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Expr {
    Not(Box<Expr>),
    Lit,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Pair(u8, Box<Shape>),
    Named { inner: Box<Shape> },
    Dot,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Link {
    next: Option<Box<Link>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree(BTreeMap<u8, Tree>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Json {
    List(Vec<Json>),
    Fields(BTreeMap<String, Json>),
    Number(u64),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Group { members: Vec<Tagged> },
    Leaf,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of")]
enum Adjacent {
    Wrap(Box<Adjacent>),
    Leaf,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

/// Runs `test` where there is no more stack than a worker has.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(test).expect("a thread can be made");
    thread.join().expect("the thread came to its end");
}

/// `levels` times `wrap` around `leaf`.
fn nested<T>(levels: usize, leaf: T, wrap: impl Fn(T) -> T) -> T {
    iter::repeat_n((), levels).fold(leaf, |inner, ()| wrap(inner))
}

/// A value of 128 levels comes back; with one time `wrap` more it is refused, and so is what is as deep as a memory can hold.
/// Each `wrap` makes `step` levels around a leaf that has `leaf_levels`.
fn check<T>(leaf: fn() -> T, wrap: fn(T) -> T, step: usize, leaf_levels: usize)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + Send + 'static,
{
    on_a_small_stack(move || {
        let most = (DEPTH_MAX as usize - leaf_levels) / step;
        let value = Value::encode(&nested(most, leaf(), wrap)).expect("it is not too deep");
        let read: T = value.decode("k").expect("what was written is read");
        assert_eq!(read, nested(most, leaf(), wrap));
        for deep in [nested(most + 1, leaf(), wrap), nested(DEEP, leaf(), wrap)] {
            let error = Value::encode(&deep).expect_err("it is too deep");
            assert_eq!(error.kind(), ErrorKind::Encode);
            assert!(error.to_string().contains("deeper than 128 levels"), "{error}");
            forget(deep); // its own end would overflow the stack
        }
    });
}

#[test]
fn values_are_written_to_128_levels_and_no_deeper() {
    check(
        || Comment { text: String::new(), replies: Vec::new() },
        move |one| Comment { text: "so".into(), replies: vec![one] },
        2,
        2,
    );
    check(|| Expr::Lit, |one| Expr::Not(Box::new(one)), 1, 1);
    check(|| Shape::Dot, |one| Shape::Pair(1, Box::new(one)), 2, 1);
    check(|| Shape::Dot, |one| Shape::Named { inner: Box::new(one) }, 2, 1);
    check(|| Link { next: None }, |one| Link { next: Some(Box::new(one)) }, 2, 1);
    check(|| Tree(BTreeMap::new()), |one| Tree(BTreeMap::from([(1, one)])), 2, 2);
    check(|| Json::Number(1), |one| Json::List(vec![one]), 1, 0);
    check(|| Json::Number(1), |one| Json::Fields(BTreeMap::from([("a".to_owned(), one)])), 1, 0);
    check(|| Tagged::Leaf, |one| Tagged::Group { members: vec![one] }, 2, 1);
    check(|| Adjacent::Leaf, |one| Adjacent::Wrap(Box::new(one)), 1, 2);
    check(|| serde_json::json!(1), |one| serde_json::Value::Array(vec![one]), 1, 0);
}

#[test]
fn wide_rows_nest_to_the_limit_too() {
    let leaf = || Wide { numbers: [[7; 16]; 2], names: Default::default(), next: None };
    check(
        leaf,
        |one| Wide { numbers: [[7; 16]; 2], names: Default::default(), next: Some(Box::new(one)) },
        2,
        3,
    );
}

#[test]
fn what_takes_more_stack_than_a_thread_has_left_is_read_all_the_same() {
    type Table = Box<[[[u64; 32]; 32]; 16]>;

    /// Read by serde from a buffer of its own, in frames that hold all of the fields.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    #[allow(clippy::large_enum_variant)] // that is what is tested
    enum Node {
        Row { a: [Option<String>; 32], b: [Option<String>; 32], next: Vec<Node> },
        Leaf { z: u8 },
    }

    on_a_small_stack(|| {
        let table: Table = vec![[[7; 32]; 32]; 16].try_into().expect("16 of them");
        let read: Table = Value::encode(&table).and_then(|value| value.decode("k")).expect("it is flat");
        assert_eq!(read, table);
        let row = |one| Node::Row { a: Default::default(), b: Default::default(), next: vec![one] };
        for levels in [1, 20, 63] {
            let tree = nested(levels, Node::Leaf { z: 1 }, row);
            let read: Node =
                Value::encode(&tree).and_then(|value| value.decode("k")).expect("it is not too deep");
            assert_eq!(read, tree);
        }
    });
}

#[test]
fn very_large_structs_are_read_or_refused_before_the_stack_ends() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Huge {
        numbers: [[u64; 32]; 16],
        next: Option<Box<Huge>>,
    }
    on_a_small_stack(|| {
        let huge =
            |levels| nested(levels, None, |one| Some(Box::new(Huge { numbers: [[7; 32]; 16], next: one })));
        for levels in [1, 8, 30, 62, 10_000] {
            let value = huge(levels);
            match Value::encode(&value).and_then(|value| value.decode::<Option<Box<Huge>>>("k")) {
                Ok(read) => assert_eq!(read, value),
                Err(error) => assert!(levels > 1 && error.to_string().contains("nested"), "{error}"),
            }
            forget(value);
        }
    });
}

#[test]
fn what_serde_buffers_is_limited_with_what_is_around_it() {
    on_a_small_stack(|| {
        let flat = |levels| Flat {
            name: "a".to_owned(),
            rest: BTreeMap::from([(
                "b".to_owned(),
                nested(levels, serde_json::json!(1), |one| serde_json::Value::Array(vec![one])),
            )]),
        };
        let value = Value::encode(&flat(127)).expect("it is not too deep");
        assert_eq!(value.decode::<Flat>("k").expect("it is read"), flat(127));
        assert!(Value::encode(&flat(128)).is_err());
    });
}

/// What a stranger could put in place of any value.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |unit: &[u8]| unit.repeat(DEEP);
    let text = |text: &str| [&[0xa0 | text.len() as u8], text.as_bytes()].concat();
    let field = |name: &str| [vec![0x81], text(name)].concat();
    vec![
        ("lists", deep(&[0x91])),
        ("long lists", deep(&[0xdd, 0, 0, 0, 1])),
        ("maps by number", deep(&[0x81, 1])),
        ("maps in keys", deep(&[0x81])),
        ("variants", deep(&field("Not"))),
        ("pairs", deep(&[field("Pair"), vec![0x92, 1]].concat())),
        ("named", deep(&[field("Named"), field("inner")].concat())),
        ("members", deep(&[vec![0x82], text("kind"), text("Group"), text("members"), vec![0x91]].concat())),
        ("contents", deep(&[vec![0x82], text("kind"), text("Wrap"), text("of")].concat())),
        ("replies", deep(&[vec![0x82], text("text"), text("a"), text("replies"), vec![0x91]].concat())),
        ("unknown fields", [vec![0x82], text("text"), text("a"), text("x"), deep(&[0x91])].concat()),
        ("unknown maps", [vec![0x82], text("text"), text("a"), text("x"), deep(&[0x81])].concat()),
        ("a number where a chain is expected", vec![1]),
    ]
}

fn read<T: DeserializeOwned + Send + 'static>() {
    on_a_small_stack(|| {
        for (name, bytes) in hostile() {
            let Err(error) = decode_stored::<T>(&bytes, &Packed::Plain) else { continue };
            assert_eq!(error.kind(), ErrorKind::Decode, "{name}");
        }
    });
}

#[test]
fn no_bytes_end_the_process() {
    read::<Comment>();
    read::<Wide>();
    read::<Expr>();
    read::<Shape>();
    read::<Chain>();
    read::<Link>();
    read::<Tree>();
    read::<Json>();
    read::<Tagged>();
    read::<Adjacent>();
    read::<Flat>();
    read::<serde_json::Value>();
    read::<IgnoredAny>();
    read::<Vec<Option<Vec<Expr>>>>();
}

#[test]
fn why_a_value_is_too_deep_is_said_with_the_place() {
    on_a_small_stack(|| {
        let bytes = hostile().remove(9).1;
        let Err(error) = decode_stored::<Comment>(&bytes, &Packed::Plain) else { panic!("it is read") };
        let text = error.to_string();
        assert!(text.contains("deeper than 128 levels at `replies[0].replies[0]."), "{text}");
    });
}
