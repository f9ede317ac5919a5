//! The tables of the shop, and the file that holds them.
//!
//! Owns: the SQL that creates the database, where the file lies, and the copy that each run works on.
//! Never: overwrites a file that it did not build.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::Trouble;
use crate::data;
use crate::options::Options;

/// Raised when tables or rows change their form, so that an older file is not taken for a current one.
const FORMAT: u32 = 1;

const TABLES: &str = "
CREATE TABLE built(format INTEGER, seed TEXT, users INTEGER, products INTEGER);
CREATE TABLE versions(scope TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE vip_tiers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, spent_from_cents INTEGER NOT NULL);
CREATE TABLE roles(name TEXT PRIMARY KEY, rank INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE payment_methods(name TEXT PRIMARY KEY, fee_cents INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE categories(sub TEXT PRIMARY KEY, main TEXT NOT NULL, products INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE discounts(category TEXT NOT NULL, vip INTEGER NOT NULL, percent INTEGER NOT NULL, code TEXT NOT NULL,
  PRIMARY KEY(category, vip)) WITHOUT ROWID;
CREATE TABLE products(id INTEGER PRIMARY KEY, category TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  vendor TEXT NOT NULL, price_cents INTEGER NOT NULL, rating_tenths INTEGER NOT NULL);
CREATE TABLE stock(product INTEGER PRIMARY KEY, pieces INTEGER NOT NULL);
CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL,
  vip INTEGER NOT NULL, wallet_cents INTEGER NOT NULL, spent_cents INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 0, orders_version INTEGER NOT NULL DEFAULT 0);
CREATE TABLE orders(id INTEGER PRIMARY KEY, user INTEGER NOT NULL, product INTEGER NOT NULL, category TEXT NOT NULL,
  amount_cents INTEGER NOT NULL);
CREATE TABLE transactions(id INTEGER PRIMARY KEY, user INTEGER NOT NULL, amount_cents INTEGER NOT NULL,
  note TEXT NOT NULL);
";

/// Made after the rows are in: that is faster than keeping them up to date row by row.
const INDEXES: &str = "
CREATE INDEX products_of_category ON products(category);
CREATE INDEX products_by_name ON products(name);
CREATE INDEX users_by_spending ON users(spent_cents);
CREATE INDEX orders_of_user ON orders(user);
CREATE INDEX sales_of_category ON orders(category, amount_cents);
CREATE INDEX transactions_of_user ON transactions(user);
";

/// The database as built. It is never changed: each run works on a copy, so that all runs start from the same rows.
pub(crate) struct Master {
    path: PathBuf,
    folder: TempDir,
}

impl Master {
    /// Builds the file, or takes the one at `--db` that an earlier run built with the same seed and sizes.
    pub(crate) fn open(options: &Options) -> Result<Self, Trouble> {
        let folder = tempfile::Builder::new().prefix("apex-cache-shop-").tempdir().map_err(Trouble::file)?;
        let path = options.db.clone().unwrap_or_else(|| folder.path().join("shop.sqlite"));
        if path.exists() {
            recognise(&path, options)?;
        } else {
            build(&path, options)?;
        }
        Ok(Self { path, folder })
    }

    /// A fresh copy for one run, gone when `self` is.
    pub(crate) fn copy(&self, name: &str) -> Result<PathBuf, Trouble> {
        let copy = self.folder.path().join(format!("{name}.sqlite"));
        std::fs::copy(&self.path, &copy).map_err(Trouble::file)?;
        Ok(copy)
    }

    /// Size of the file in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }
}

fn recognise(path: &Path, options: &Options) -> Result<(), Trouble> {
    let expected = (FORMAT, options.seed.to_string(), options.users, options.products);
    let found = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|file| {
        file.query_row("SELECT format, seed, users, products FROM built", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
    });
    let path = path.display();
    match found {
        Ok(found) if found == expected => Ok(()),
        Ok((_, seed, users, products)) => Err(Trouble::Database(format!(
            "{path} was built with --seed {seed} --users {users} --products {products}; use these, or another --db"
        ))),
        Err(error) => Err(Trouble::Database(format!(
            "{path} was not built by this example ({error}); it is left alone, choose another --db"
        ))),
    }
}

/// Builds beside the final name and renames, so that a build that was broken off is not taken for a whole one.
fn build(path: &Path, options: &Options) -> Result<(), Trouble> {
    let unfinished = path.with_extension("building");
    let _ = std::fs::remove_file(&unfinished); // left by a build that was broken off; usually there is none
    let mut file = Connection::open(&unfinished)?;
    // Nobody else reads the file yet, and a broken build is thrown away: no journal, no waiting for the disk.
    file.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let rows = file.transaction()?;
    rows.execute_batch(TABLES)?;
    data::fill(&rows, options.seed, options.users, options.products)?;
    rows.execute_batch(INDEXES)?;
    rows.execute(
        "INSERT INTO built VALUES(?, ?, ?, ?)",
        (FORMAT, options.seed.to_string(), options.users, options.products),
    )?;
    rows.commit()?;
    file.execute_batch("ANALYZE")?;
    file.close().map_err(|(_, error)| error)?;
    std::fs::rename(&unfinished, path).map_err(Trouble::file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_used_again_with_the_same_numbers_and_refused_with_others() {
        let folder = tempfile::tempdir().unwrap();
        let small = Options {
            users: 20,
            products: 200,
            db: Some(folder.path().join("a.sqlite")),
            ..Options::default()
        };
        Master::open(&small).unwrap();
        assert!(Master::open(&small).is_ok());
        let other = Options { seed: 9, ..small };
        assert!(Master::open(&other).err().unwrap().to_string().contains("was built with --seed 1"));
    }

    #[test]
    fn a_strange_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "my notes").unwrap();
        let options = Options { db: Some(path.clone()), ..Options::default() };
        assert!(Master::open(&options).err().unwrap().to_string().contains("was not built by this example"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my notes");
    }
}
