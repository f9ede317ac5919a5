//! Lists, sets, maps and shared values, with keys of all kinds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Level {
    Low,
    High,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tree {
    name: String,
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
}

fn one<K: std::hash::Hash + Eq, V>(key: K, value: V) -> HashMap<K, V> {
    HashMap::from([(key, value)])
}

pub(crate) async fn check(table: &mut Table) {
    table.equal("Vec", vec![1, 2, 3]).await;
    table.equal("Vec<u8>", vec![0_u8, 255]).await;
    table.equal("Vec, empty", Vec::<String>::new()).await;
    table.equal("Vec of Vec", vec![vec![1_u8], Vec::new()]).await;
    table.equal("Vec of options", vec![Some(1), None]).await;
    table.equal("Vec of units", vec![(), ()]).await;
    table.equal("Box<[T]>", vec!["a".to_owned()].into_boxed_slice()).await;
    table.equal("array", [1_u64; 32]).await;
    table.equal("array, empty", [0_u8; 0]).await;
    table.equal("array of arrays", [[1_u8, 2], [3, 4]]).await;
    table.equal("VecDeque", VecDeque::from([1, 2])).await;
    table.equal("LinkedList", LinkedList::from([1, 2])).await;
    table.equal("BTreeSet", BTreeSet::from(["b".to_owned(), "a".to_owned()])).await;
    table.equal("HashSet of tuples", HashSet::from([(1_u8, 'a')])).await;
    table.equal("HashMap by text", one("a".to_owned(), 1)).await;
    table.equal("HashMap by number", one(-7_i64, "a".to_owned())).await;
    table.equal("HashMap by u128", one(u128::MAX, 1)).await;
    table.equal("HashMap by bool", one(true, 1)).await;
    table.equal("HashMap by char", one('a', 1)).await;
    table.equal("HashMap by tuple", one((1_u8, "a".to_owned()), 1)).await;
    table.equal("HashMap by enum", one(Level::High, Level::Low)).await;
    table.equal("HashMap by struct", one(Point { x: 1, y: 2 }, 1)).await;
    table.equal("HashMap by option", HashMap::from([(None, 1), (Some(7_u8), 2)])).await;
    table.equal("HashMap by address", one(IpAddr::from([10, 0, 0, 7]), 1)).await;
    table.equal("HashMap by list", one(vec![1_u8], 1)).await;
    table.equal("BTreeMap by Reverse", BTreeMap::from([(Reverse(7_u8), "a".to_owned())])).await;
    table.equal("BTreeMap of maps", BTreeMap::from([(Level::Low, BTreeMap::from([(1_u8, ())]))])).await;
    table.equal("Box", Box::new(Point { x: 1, y: 2 })).await;
    table.equal("Arc", Arc::new(Point { x: 1, y: 2 })).await;
    table.equal("Arc<str>", Arc::<str>::from("shared")).await;
    table.equal("Arc<[T]>", Arc::<[u16]>::from([1, 2])).await;
    table.equal("Option of Box", Some(Box::new(7_u8))).await;
    let leaf = Tree { name: "leaf".to_owned(), children: Vec::new(), parent: None };
    let tree = Tree { name: "root".to_owned(), children: vec![leaf.clone()], parent: Some(Box::new(leaf)) };
    table.equal("tree", tree).await;
}
