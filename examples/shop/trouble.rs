//! What can go wrong in the shop, as sentences.
//!
//! Owns: the one error type of the example. Never: hides what `SQLite` or the cache said.

/// Why a question or a change had no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// `SQLite` refused.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The cache had no answer; its own sentence says why.
    #[error(transparent)]
    Cache(#[from] apex_cache::Error),
    /// Something else about the database or its file.
    #[error("{0}")]
    Database(String),
}

impl Trouble {
    /// The file could not be made, copied or renamed.
    #[allow(clippy::needless_pass_by_value, reason = "used as a function for map_err")]
    pub(crate) fn file(error: std::io::Error) -> Self {
        Self::Database(format!("the database file: {error}; choose another place with --db PATH"))
    }

    /// A query met a closed pool: only at the end of the program.
    pub(crate) fn closed() -> Self {
        Self::Database("the database is closed".to_owned())
    }
}
