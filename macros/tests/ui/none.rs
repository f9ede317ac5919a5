//! `none` of a function that always returns something.
#![allow(unused)]
use apex_cache::{Cache, Hit, cached};

type Rows<T> = Result<T, String>;
type Maybe<T> = Option<T>;

#[cached(key = "user::{id}::plain", none = "30s")]
async fn plain(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user::{id}::result", none = 30)]
async fn result(cache: &Cache, id: u64) -> Result<u64, Option<u64>> {
    Ok(id)
}

#[cached(key = "user::{id}::alias", none = std::time::Duration::from_secs(1), run = "caller")]
async fn alias(cache: &Cache, id: u64) -> Rows<Vec<Option<u64>>> {
    Ok(vec![])
}

#[cached(key = "user::{id}::hit", none = "0s", companions = false)]
async fn hit(cache: &Cache, id: u64) -> Hit<u64> {
    id
}

#[cached(key = "user::{id}::right", none = "30s")]
async fn right(cache: &Cache, id: u64) -> Rows<Maybe<u64>> {
    Ok(None)
}

fn main() {}
