//! Books and loans: every query goes through the cache, every change says what it made untrue.
//!
//! Owns: SQL, keys and invalidations, side by side. Never: knows of HTTP.

use apex_cache::{Cache, Hit, WarmEntries, WarmSource, cache_invalidate, cached};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

#[derive(Debug, Clone, Serialize, Deserialize, sqlx::FromRow)]
pub(crate) struct Book {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) author: String,
    pub(crate) copies: i64,
}

/// Cheap to clone, as cache and pool are.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    cache: Cache,
    pool: SqlitePool,
}

impl Shelf {
    pub(crate) fn new(cache: Cache, pool: SqlitePool) -> Self {
        Self { cache, pool }
    }

    /// Where the attributes look for the cache.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Written out, because it keeps to the deadline of the request: its error can say that it has passed. That there is
    /// no such book is cached too, for as long as a book.
    pub(crate) async fn book(&self, id: i64) -> apex_cache::Result<Hit<Option<Book>>> {
        let pool = self.pool.clone();
        let query = move || async move {
            sqlx::query_as("SELECT * FROM books WHERE id = ?").bind(id).fetch_optional(&pool).await
        };
        self.cache.get_or_load(format!("books::{id}"), query).await
    }

    #[cached(key = "books::by::{author}", ttl = "30m")]
    pub(crate) async fn books_by(&self, author: &str) -> Result<Hit<Vec<Book>>, sqlx::Error> {
        let query = "SELECT * FROM books WHERE author = ? ORDER BY title";
        sqlx::query_as(query).bind(author).fetch_all(&self.pool).await
    }

    #[cached(key = "user::{reader}::loans")]
    pub(crate) async fn loans(&self, reader: &str) -> Result<Hit<Vec<String>>, sqlx::Error> {
        loans_of(&self.pool, reader).await
    }

    /// Lends a copy to `reader`; `false` when there is none. When it returns, no reader is shown what was before: a query
    /// that read the old rows while this ran cannot store them.
    #[cache_invalidate("books::{id}", "books::by::*", "user::{reader}::*")]
    pub(crate) async fn lend(&self, id: i64, reader: &str) -> Result<bool, sqlx::Error> {
        let mut change = self.pool.begin().await?;
        let take = "UPDATE books SET copies = copies - 1 WHERE id = ? AND copies > 0";
        if sqlx::query(take).bind(id).execute(&mut *change).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let note = "INSERT INTO loans (book, reader) VALUES (?, ?)";
        sqlx::query(note).bind(id).bind(reader).execute(&mut *change).await?;
        change.commit().await?;
        Ok(true)
    }
}

async fn loans_of(pool: &SqlitePool, reader: &str) -> Result<Vec<String>, sqlx::Error> {
    let query = "SELECT title FROM loans JOIN books ON books.id = book WHERE reader = ? ORDER BY loans.rowid";
    sqlx::query_scalar(query).bind(reader).fetch_all(pool).await
}

/// A reader turns up: fetches the loans before the page asks for them.
pub(crate) fn loans_source(pool: SqlitePool) -> WarmSource {
    WarmSource::new("loans", "user", move |run| {
        let pool = pool.clone();
        async move {
            let titles = loans_of(&pool, run.user()).await?;
            let entries = WarmEntries::new().with(Shelf::loans_key(run.user())?, &titles)?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(entries)
        }
    })
    .on_user_active()
}

/// Opens the database, and puts some books into an empty one.
pub(crate) async fn open(url: &str) -> Result<SqlitePool, sqlx::Error> {
    // Each connection to a database in memory has one of its own.
    let connections = if url.contains(":memory:") { 1 } else { 4 };
    let pool = SqlitePoolOptions::new().max_connections(connections).connect(url).await?;
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL,
                                           copies INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS loans (book INTEGER NOT NULL REFERENCES books, reader TEXT NOT NULL);
         INSERT OR IGNORE INTO books VALUES (1, 'Emma', 'Austen', 3), (2, 'Persuasion', 'Austen', 1),
                                            (3, 'Middlemarch', 'Eliot', 2);",
    )
    .execute(&pool)
    .await?;
    Ok(pool)
}
