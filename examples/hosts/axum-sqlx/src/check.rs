//! Asks the service what it promises, over a real port.
//!
//! Owns: the requests and what must come back. Never: looks inside but for the counters.

use std::error::Error;
use std::net::SocketAddr;

use apex_cache::admin::http::Admin;
use apex_cache::web::TIMEOUT_HEADER;
use apex_cache::{Cache, WarmScope};
use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use probe::{ask, found};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

type App = IntoMakeServiceWithConnectInfo<Router, SocketAddr>;

pub(crate) async fn run(
    listener: TcpListener,
    app: App,
    cache: &Cache,
    admin: Admin,
    token: &str,
) -> Result<(), Box<dyn Error>> {
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stop_streams = async move {
        let _ = stopped.await;
        admin.close_streams();
    };
    let server =
        tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stop_streams).await });
    let checked = async {
        requests(address, cache).await?;
        probe::admin(address, crate::admin::PATH, token, "books").await?;
        let stream = probe::listen(address, crate::admin::PATH).await?;
        drop(stop);
        server.await??;
        Ok(probe::ended(stream).await?)
    };
    checked.await
}

async fn requests(address: SocketAddr, cache: &Cache) -> Result<(), Box<dyn Error>> {
    let ann = [("x-reader", "ann")];
    let first = ask(address, "GET /books/1", &[]).await?;
    found("the first request asks the database", first.header("x-cache") == "Loaded")?;
    let second = ask(address, "GET /books/1", &[]).await?;
    found("the second is served from memory", second.header("x-cache") == "Memory")?;
    found("both say the same", first.body == second.body && first.body.contains("\"copies\":3"))?;

    ask(address, "GET /authors/Austen/books", &ann).await?;
    // Waits for the run that ann's first request began; nobody else did.
    cache.warm(WarmScope::Tier("user".into())).await?;
    let loans = ask(address, "GET /loans", &ann).await?;
    found("a reader's loans are there before they are asked for", loans.header("x-cache") == "Memory")?;
    found("there are none", loans.body == "[]")?;

    let lent = ask(address, "POST /books/1/lend", &ann).await?;
    found("a book is lent", lent.status == 204)?;
    let third = ask(address, "GET /books/1", &[]).await?;
    found("the change took the book out of the cache", third.header("x-cache") == "Loaded")?;
    found("a copy less is shown", third.body.contains("\"copies\":2"))?;
    let list = ask(address, "GET /authors/Austen/books", &[]).await?;
    found(
        "in the list of the author too",
        list.header("x-cache") == "Loaded" && list.body.contains("\"copies\":2"),
    )?;
    found("and the loan", ask(address, "GET /loans", &ann).await?.body == "[\"Emma\"]")?;

    let hurried = [(TIMEOUT_HEADER, "0")];
    let cold = ask(address, "GET /books/3", &hurried).await?;
    found("a client that does not wait gets no book that must be loaded", cold.status == 504)?;
    let warm = ask(address, "GET /books/1", &hurried).await?;
    found("and any that is in memory", warm.status == 200 && warm.header("x-cache") == "Memory")?;
    found("no such book", ask(address, "GET /books/9", &[]).await?.status == 404)?;

    let stats = cache.stats().await?.total();
    println!("{} hits, {} loads", stats.hits, stats.loads);
    Ok(())
}
