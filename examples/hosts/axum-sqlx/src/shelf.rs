//! Books and loans: every query goes through the cache, every change says what it made untrue.
//!
//! Owns: SQL, keys and invalidations, side by side. Never: knows of HTTP.

use apex_cache::{Cache, Hit, Key, WarmEntries, WarmSource};
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

/// What can go wrong: the cache names a failed query as `LoadFailed`, a change names its own.
#[derive(Debug)]
pub(crate) enum Trouble {
    Cache(apex_cache::Error),
    Database(sqlx::Error),
}

impl From<apex_cache::Error> for Trouble {
    fn from(error: apex_cache::Error) -> Self {
        Self::Cache(error)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Cheap to clone, as cache and pool are.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    cache: Cache,
    pool: SqlitePool,
}

fn book_key(id: i64) -> apex_cache::Result<Key> {
    Key::of("books").part(id).finish()
}

fn author_key(author: &str) -> apex_cache::Result<Key> {
    Key::of("books").part("by").part(author).finish()
}

fn loans_key(reader: &str) -> apex_cache::Result<Key> {
    Key::of("user").part(reader).part("loans").finish()
}

impl Shelf {
    pub(crate) fn new(cache: Cache, pool: SqlitePool) -> Self {
        Self { cache, pool }
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// That there is no such book is cached too, until a book is added.
    pub(crate) async fn book(&self, id: i64) -> Result<Hit<Option<Book>>, Trouble> {
        let pool = self.pool.clone();
        let query = move || async move {
            sqlx::query_as("SELECT * FROM books WHERE id = ?").bind(id).fetch_optional(&pool).await
        };
        Ok(self.cache.get_or_load(book_key(id)?, query).await?)
    }

    pub(crate) async fn books_by(&self, author: String) -> Result<Hit<Vec<Book>>, Trouble> {
        let (pool, key) = (self.pool.clone(), author_key(&author)?);
        let query = move || async move {
            sqlx::query_as("SELECT * FROM books WHERE author = ? ORDER BY title")
                .bind(author)
                .fetch_all(&pool)
                .await
        };
        Ok(self.cache.get_or_load(key, query).await?)
    }

    pub(crate) async fn loans(&self, reader: String) -> Result<Hit<Vec<String>>, Trouble> {
        let (pool, key) = (self.pool.clone(), loans_key(&reader)?);
        Ok(self.cache.get_or_load(key, move || loans_of(pool, reader)).await?)
    }

    /// Lends a copy to `reader`; `false` when there is none.
    pub(crate) async fn lend(&self, id: i64, reader: &str) -> Result<bool, Trouble> {
        let mut change = self.pool.begin().await?;
        let author: Option<String> = sqlx::query_scalar(
            "UPDATE books SET copies = copies - 1 WHERE id = ? AND copies > 0 RETURNING author",
        )
        .bind(id)
        .fetch_optional(&mut *change)
        .await?;
        let Some(author) = author else { return Ok(false) };
        sqlx::query("INSERT INTO loans (book, reader) VALUES (?, ?)")
            .bind(id)
            .bind(reader)
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        // After the commit: a load that read the old rows before it is revoked now and cannot store them.
        for key in [book_key(id)?, author_key(&author)?, loans_key(reader)?] {
            self.cache.remove(key).await?;
        }
        Ok(true)
    }
}

async fn loans_of(pool: SqlitePool, reader: String) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT title FROM loans JOIN books ON books.id = book WHERE reader = ? ORDER BY loans.rowid",
    )
    .bind(reader)
    .fetch_all(&pool)
    .await
}

/// A reader turns up: fetches the loans before the page asks for them.
pub(crate) fn loans_source(pool: SqlitePool) -> WarmSource {
    WarmSource::new("loans", "user", move |run| {
        let pool = pool.clone();
        async move {
            let titles = loans_of(pool, run.user().to_owned()).await?;
            let entries = WarmEntries::new().with(loans_key(run.user())?, &titles)?;
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
