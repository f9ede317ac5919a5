//! A shop as a whole program: axum in front of a real `SQLite` file, without a cache, with moka, with a bare
//! map and with ours.
//!
//! Owns: the routes and where an answer is kept. Never: knows who asks; see [`load`].

pub mod load;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apex_cache::{Cache, Settings};
use axum::extract::{Path as Number, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use foldhash::fast::RandomState;
use tokio::sync::OnceCell;

use crate::turns::Turns;
use crate::{Failure, ours};
pub use table::{PRODUCTS, Page, Table};

const TTL: Duration = Duration::from_hours(1);

/// Where a shop keeps the pages it has made.
#[derive(Clone)]
enum Kept {
    Nowhere,
    Moka(moka::future::Cache<u64, Arc<Page>>),
    Ours(Cache),
    Bare(PageMap),
}

/// A map without the work of a cache: no time to live, no eviction, no counters. Its pages are right
/// nevertheless, so it is the limit of what a cache can reach in this program. Callers of an absent page
/// share the cell of one load. A change removes the cell, so a load that has read the old row fills a cell
/// that no later caller finds.
type PageMap = Arc<papaya::HashMap<u64, Arc<OnceCell<Arc<Page>>>, RandomState>>;

/// A shop. A clone is the same shop.
#[derive(Clone)]
pub struct Shop {
    table: Table,
    kept: Kept,
}

/// What handlers answer when a query fails; the generator of load ends the measurement then.
type Answer<T> = Result<T, (StatusCode, String)>;

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

impl Shop {
    /// The shops, with the names of their rows: with our cache, without a cache, with moka, with a bare map.
    /// Each has a copy of the same file below `folder`.
    ///
    /// Errors: a sentence, when a file cannot be made or a cache does not start.
    pub async fn all(folder: &Path) -> Result<Vec<(&'static str, Self)>, Failure> {
        let ours = Cache::builder().settings(Settings::default()).start().await?;
        let moka = moka::future::Cache::builder().max_capacity(PRODUCTS).time_to_live(TTL).build();
        let mut shops = Vec::new();
        let bare = Kept::Bare(Arc::new(papaya::HashMap::with_hasher(RandomState::default())));
        for (name, kept) in [
            ("apex", Kept::Ours(ours)),
            ("no_cache", Kept::Nowhere),
            ("moka_future", Kept::Moka(moka)),
            ("bare_map", bare),
        ] {
            shops.push((name, Self { table: Table::create(&folder.join(format!("{name}.sqlite")))?, kept }));
        }
        Ok(shops)
    }

    /// `GET` of a product: its page. `POST`: it becomes dearer by a cent.
    pub fn router(self) -> Router {
        Router::new().route("/products/{id}", get(show).post(raise)).with_state(self)
    }

    async fn page(&self, id: u64) -> Result<Arc<Page>, Failure> {
        match &self.kept {
            Kept::Nowhere => Ok(Arc::new(self.table.page(id).await?)),
            Kept::Moka(cache) => {
                let load = async { self.table.page(id).await.map(Arc::new) };
                Ok(cache.try_get_with(id, load).await.map_err(|error| error.to_string())?)
            }
            Kept::Ours(cache) => Ok(Arc::new(cached_page(cache, &self.table, id).await?)),
            Kept::Bare(map) => {
                let cell = Arc::clone(map.pin().get_or_insert_with(id, Arc::default));
                let load = || async { self.table.page(id).await.map(Arc::new) };
                cell.get_or_try_init(load).await.cloned()
            }
        }
    }

    /// The number of pages that differ from the file. Call it while nothing changes.
    ///
    /// Errors: a sentence, when `SQLite` fails.
    pub async fn wrong_pages(&self) -> Result<usize, Failure> {
        let mut wrong = 0;
        for id in 0..PRODUCTS {
            wrong += usize::from(*self.page(id).await? != self.table.page(id).await?);
        }
        Ok(wrong)
    }

    /// How long the turns of our cache took so far. Empty for the other shops.
    ///
    /// Errors: a sentence, when it has ended.
    pub async fn turns(&self) -> Result<Turns, Failure> {
        match &self.kept {
            Kept::Ours(cache) => ours::turns(cache).await,
            _ => Ok(Turns::default()),
        }
    }

    async fn raise(&self, id: u64) -> Result<(), Failure> {
        self.table.raise(id).await?;
        match &self.kept {
            Kept::Nowhere => {}
            Kept::Moka(cache) => cache.invalidate(&id).await,
            Kept::Ours(cache) => {
                cache.remove(format!("products::{id}")).await?;
            }
            Kept::Bare(map) => {
                map.pin().remove(&id);
            }
        }
        Ok(())
    }
}

#[apex_cache::cached(key = "products::{id}", skip(table), ttl = "1h")]
async fn cached_page(cache: &Cache, table: &Table, id: u64) -> Result<Page, Failure> {
    table.page(id).await
}

async fn show(State(shop): State<Shop>, Number(id): Number<u64>) -> Answer<Json<Arc<Page>>> {
    shop.page(id).await.map(Json).map_err(failed)
}

async fn raise(State(shop): State<Shop>, Number(id): Number<u64>) -> Answer<StatusCode> {
    shop.raise(id).await.map(|()| StatusCode::NO_CONTENT).map_err(failed)
}
