//! The source of the shop: products and what was said about them, in a `SQLite` file.
//!
//! Owns: the file, and a few connections to it. Never: keeps what it has read.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// Products of a shop.
pub const PRODUCTS: u64 = 10_000;
/// Reviews of each of them.
const REVIEWS: i64 = 10;
/// Connections that queries share; more than a host has threads for them here.
const CONNECTIONS: usize = 4;

/// A page as a browser gets it: a product, its mean rating and its newest reviews; some 700 bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    id: i64,
    name: String,
    price: i64,
    rating: f64,
    reviews: Vec<Review>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Review {
    author: String,
    stars: u8,
    text: String,
}

/// The tables. A clone has the same connections.
#[derive(Clone)]
pub struct Table(Arc<Vec<Mutex<Connection>>>);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL);
    CREATE TABLE review (
        id INTEGER PRIMARY KEY, product INTEGER NOT NULL, author TEXT NOT NULL, stars INTEGER NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX review_of ON review (product);";

impl Table {
    /// Makes the file at `path` and fills it.
    ///
    /// Errors: a sentence, when `SQLite` fails.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let open = || -> Result<Connection, Failure> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            Ok(connection)
        };
        let mut first = open()?;
        first.execute_batch(SCHEMA)?;
        let transaction = first.transaction()?;
        {
            let mut product = transaction.prepare("INSERT INTO product VALUES (?, ?, ?)")?;
            let mut review = transaction
                .prepare("INSERT INTO review (product, author, stars, text) VALUES (?, ?, ?, ?)")?;
            for id in 0..i64::try_from(PRODUCTS)? {
                product.execute((id, format!("Product number {id}"), 100 + id % 9_000))?;
                for number in 0..REVIEWS {
                    let text = format!("I have had product {id} for {number} weeks, and would buy it again.");
                    review.execute((id, format!("customer {}", id + number), number % 6, text))?;
                }
            }
        }
        transaction.commit()?;
        let rest = (1..CONNECTIONS).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(Arc::new(std::iter::once(first).chain(rest).map(Mutex::new).collect())))
    }

    /// Runs `query` on a thread for it, with a connection that is free or will be.
    async fn with<R: Send + 'static>(
        &self,
        id: i64,
        query: impl FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, Failure> {
        let table = self.clone();
        let run = move || {
            let free = table.0.iter().find_map(|one| one.try_lock().ok());
            let next = &table.0[id.unsigned_abs() as usize % CONNECTIONS];
            let connection = free.unwrap_or_else(|| next.lock().unwrap_or_else(PoisonError::into_inner));
            query(&connection)
        };
        Ok(tokio::task::spawn_blocking(run).await??)
    }

    /// The page of a product, with three queries.
    ///
    /// Errors: a sentence, when `SQLite` fails or there is no such product.
    pub async fn page(&self, id: u64) -> Result<Page, Failure> {
        let id = i64::try_from(id)?;
        let query = move |connection: &Connection| {
            let mut product = connection.prepare_cached("SELECT name, price FROM product WHERE id = ?")?;
            let (name, price) = product.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut rating = connection.prepare_cached("SELECT avg(stars) FROM review WHERE product = ?")?;
            let rating = rating.query_row([id], |row| row.get(0))?;
            let newest = "SELECT author, stars, text FROM review WHERE product = ? ORDER BY id DESC LIMIT 5";
            let mut reviews = connection.prepare_cached(newest)?;
            let reviews = reviews
                .query_map([id], |row| {
                    Ok(Review { author: row.get(0)?, stars: row.get(1)?, text: row.get(2)? })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(Page { id, name, price, rating, reviews })
        };
        self.with(id, query).await
    }

    /// Raises the price of a product by a cent.
    ///
    /// Errors: a sentence, when `SQLite` fails.
    pub async fn raise(&self, id: u64) -> Result<(), Failure> {
        let id = i64::try_from(id)?;
        let query = move |connection: &Connection| {
            connection.prepare_cached("UPDATE product SET price = price + 1 WHERE id = ?")?.execute([id])
        };
        match self.with(id, query).await? {
            1 => Ok(()),
            rows => Err(format!("{rows} products have the number {id}").into()),
        }
    }
}
