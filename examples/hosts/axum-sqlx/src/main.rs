//! A library's web service on axum and sqlx (`SQLite`), with Apex Cache in front of its queries.
//!
//! Run: `cargo run -p host-axum-sqlx -- sqlite://books.sqlite?mode=rwc`, then `curl -i 127.0.0.1:3000/books/1` twice, and open
//!      the address of the cache's page that it prints
//!      `cargo run -p host-axum-sqlx -- --check` asks itself over a loopback port and ends
//! Look at: `shelf.rs` (cached queries, changes with their invalidation), `web.rs` (the layer and the handlers), `admin.rs` (the
//!      page of the cache beside them).

mod admin;
mod check;
mod shelf;
mod web;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use apex_cache::admin::http::random_token;
use apex_cache::{Cache, Settings};
use tokio::net::TcpListener;

use shelf::Shelf;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "sqlite://books.sqlite?mode=rwc".to_owned());
    let check = argument == "--check";
    let (database, address) =
        if check { ("sqlite::memory:", "127.0.0.1:0") } else { (argument.as_str(), "127.0.0.1:3000") };

    let pool = shelf::open(database).await?;
    let settings = Settings::default().max_size_mb(32).tier("books", |tier| {
        tier.description("Books and lists of them").ttl(Duration::from_secs(3_600)).prefix("books")
    });
    let cache = Cache::builder().settings(settings).warm(shelf::loans_source(pool.clone())).start().await?;
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("serving {database} on http://{address}");

    let token = random_token();
    let (page, admin) = admin::router(&cache, &token)?;
    let app = web::router(Shelf::new(cache.clone(), pool)).merge(page);
    println!("the cache: http://{address}{}/#token={token}", admin::PATH);
    // With the address of each client, which the audit is told.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    if check {
        check::run(listener, app, &cache, admin, &token).await?;
    } else {
        let stop = async move {
            interrupted().await;
            // A page that is open listens to a stream that has no end: the server would wait for it.
            admin.close_streams();
        };
        axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    }
    cache.shutdown().await?;
    Ok(())
}

/// Waits for Ctrl-C, or for what a service manager sends.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    drop(tokio::signal::ctrl_c().await);
}
