//! A fence around a real transaction of a database: nothing that is read meanwhile stays in the cache, whatever becomes of it.
//!
//! Run: `cargo run --example transaction`
//! Look at: `begin` before the transaction, then `commit` or `abort` as the transaction did; and the change that panics
//! half-way, whose fence commits because it is dropped.

use std::error::Error;
use std::sync::{Arc, Mutex};

use apex_cache::{Cache, Hit, Prefix};
use rusqlite::Connection;

type Database = Arc<Mutex<Connection>>;

const BALANCE: &str = "user::42::balance";

async fn balance(cache: &Cache, database: &Database) -> apex_cache::Result<Hit<i64>> {
    let database = Arc::clone(database);
    let read = move || async move {
        let database = database.lock().map_err(|_| "the connection is lost")?;
        let row = database.query_row("SELECT balance FROM accounts WHERE id = 42", [], |row| row.get(0))?;
        Ok::<i64, Box<dyn Error + Send + Sync>>(row)
    };
    cache.get_or_load(BALANCE, read).await
}

/// Takes `amount` off the account; the statement itself refuses what is not there.
fn withdraw(database: &Database, amount: i64) -> rusqlite::Result<()> {
    let mut database = database.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let transaction = database.transaction()?;
    transaction.execute("UPDATE accounts SET balance = balance - ?1 WHERE id = 42", [amount])?;
    transaction.commit()
}

/// The whole pattern: begin, run the transaction, end the fence as the transaction ended.
async fn pay(cache: &Cache, database: &Database, amount: i64) -> Result<bool, Box<dyn Error>> {
    let fence = cache.begin(Prefix::parse("user::42")?).await?;
    match withdraw(database, amount) {
        Ok(()) => {
            let meanwhile = balance(cache, database).await?;
            println!("  while the fence is open: {} from {:?}", *meanwhile, meanwhile.source());
            let taken = fence.commit().await?;
            println!("  committed: {} entries taken, {} loads revoked", taken.matched, taken.revoked_loads);
            Ok(true)
        }
        Err(error) => {
            println!("  taken back: {error}");
            fence.abort().await?;
            Ok(false)
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0));
         INSERT INTO accounts VALUES (42, 100);",
    )?;
    let (cache, database) = (Cache::builder().start().await?, Arc::new(Mutex::new(connection)));

    println!("balance: {}", *balance(&cache, &database).await?);
    println!("pay 30:");
    check(pay(&cache, &database, 30).await?, "the transaction went through")?;
    check(*balance(&cache, &database).await? == 70, "after the commit nobody is served the old balance")?;

    println!("pay 500:");
    check(!pay(&cache, &database, 500).await?, "the database refused it")?;
    let kept = balance(&cache, &database).await?;
    check(*kept == 70 && !kept.was_loaded(), "after an abort the cached balance is kept, for it is right")?;

    println!("a change that ends half-way:");
    let fence = cache.begin(Prefix::parse("user::42")?).await?;
    withdraw(&database, 20)?;
    drop(fence); // as a panic, an early return or a cancelled request would
    while cache.contains(BALANCE)? {
        tokio::task::yield_now().await; // accepted when it was dropped, applied a moment later
    }
    check(*balance(&cache, &database).await? == 50, "a fence that is dropped commits")?;
    cache.shutdown().await?;
    Ok(())
}

/// Prints what was proved, or ends the program with it.
fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds {
        println!("proved: {what}");
        Ok(())
    } else {
        Err(format!("does not hold: {what}"))
    }
}
