//! A shop as a whole program: axum in front of a real `SQLite` file, without a cache, with moka and with ours.
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

use crate::Failure;
pub use table::{PRODUCTS, Page, Table};

const TTL: Duration = Duration::from_hours(1);

/// Where a shop keeps the pages it has made.
#[derive(Clone)]
enum Kept {
    Nowhere,
    Moka(moka::future::Cache<u64, Arc<Page>>),
    Ours(Cache),
}

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
    /// The three shops, with the names of their rows: with our cache, without a cache, with moka. Each has a copy of the
    /// same file below `folder`.
    ///
    /// Errors: a sentence, when a file cannot be made or a cache does not start.
    pub async fn all(folder: &Path) -> Result<Vec<(&'static str, Self)>, Failure> {
        let ours = Cache::builder().settings(Settings::default()).start().await?;
        let moka = moka::future::Cache::builder().max_capacity(PRODUCTS).time_to_live(TTL).build();
        let mut shops = Vec::new();
        for (name, kept) in
            [("apex", Kept::Ours(ours)), ("no_cache", Kept::Nowhere), ("moka_future", Kept::Moka(moka))]
        {
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
