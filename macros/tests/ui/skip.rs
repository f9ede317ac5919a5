//! Arguments that a key leaves out.
#![allow(unused)]
use apex_cache::{Cache, cached};

struct App {
    cache: Cache,
}

struct Page {
    number: u32,
    size: u32,
}

#[cached(key = "query::list::{project}", cache = app.cache)]
async fn list(app: &App, project: i64, page: u32) -> u32 {
    page
}

#[cached(key = "query::tagged", tags = ["author:{author}"], cache = app.cache)]
async fn all_at_once(app: &App, author: u32, _page: u32) -> u32 {
    author
}

#[cached(key_prefix = "query", key_params(project), cache = app.cache)]
async fn params(app: &App, project: i64, page: u32) -> u32 {
    page
}

#[cached(key = "query::parts::{number}")]
async fn parts(cache: &Cache, Page { number, .. }: Page, (a, _): (u32, u32), _: u8) -> u32 {
    number
}

#[cached(key_prefix = "query")]
async fn nameless(cache: &Cache, _: u8) -> u32 {
    1
}

// Which of the caches a call uses is no reason to leave `shard` out, nor is the name `cache`.
#[cached(key = "query::shard", cache = apps[shard].cache)]
async fn shard(apps: &'static [App], shard: usize, cache: bool) -> u32 {
    1
}

#[cached(key = "query::pick", cache = (|| pick(app, page))())]
async fn picked(app: &App, page: u32) -> u32 {
    1
}

fn pick(app: &App, page: u32) -> Cache {
    app.cache.clone()
}

#[cached(key = "query::{page}", skip(pag))]
async fn misspelt(cache: &Cache, page: u32, pages: u32) -> u32 {
    page
}

#[cached(key = "query::{page}", skip(page))]
async fn both(cache: &Cache, page: u32) -> u32 {
    page
}

#[cached(key = "query::{page}", skip = size)]
async fn no_list(cache: &Cache, page: u32, size: u32) -> u32 {
    page
}

#[cached(key = "query::{page}", skip("size"))]
async fn quoted(cache: &Cache, page: u32, size: u32) -> u32 {
    page
}

fn main() {}
