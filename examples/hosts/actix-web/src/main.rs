//! A departure board on actix-web: the cache's actors live in the host's own actix system, and are sent typed messages.
//!
//! Run: `cargo run -p host-actix-web`, then `curl -i 127.0.0.1:3001/stations/1` twice
//!      `cargo run -p host-actix-web -- --check` asks itself over a loopback port and ends
//! Look at: `main` (`Placement::Inline`), `web.rs` (`GetOrLoad`, `Remove`, `Stats` through a `SupervisorRef`).

mod check;
mod timetable;
mod web;

use std::error::Error;
use std::time::Duration;

use actix_web::rt::System;
use actix_web::{App, HttpServer};
use apex_cache::web::{CacheMiddleware, TIMEOUT_HEADER};
use apex_cache::{Cache, Placement, Settings};

use timetable::Timetable;
use web::Board;

fn main() -> Result<(), Box<dyn Error>> {
    System::new().block_on(run(std::env::args().any(|argument| argument == "--check")))
}

async fn run(check: bool) -> Result<(), Box<dyn Error>> {
    let settings = Settings::default()
        .max_size_mb(16)
        .tier("departures", |tier| tier.ttl(Duration::from_secs(60)).prefix("departures"));
    // On this thread: a message from a handler here costs no wake-up of another. The server's workers are threads of
    // their own; what they send crosses over, and their hits need no message at all.
    let cache = Cache::builder().settings(settings).placement(Placement::Inline).start().await?;
    let board = Board::new(cache.supervisor(), Timetable::new());

    let middleware = CacheMiddleware::new(cache.clone())
        .user(|request| request.headers().get("x-user")?.to_str().ok().map(str::to_owned))
        .deadline_header(TIMEOUT_HEADER);
    let factory = {
        let board = board.clone();
        move || App::new().app_data(board.data()).configure(web::routes).wrap(middleware.clone())
    };
    let server = HttpServer::new(factory).workers(2);
    let server = if check { server.disable_signals() } else { server };
    let server = server.bind(("127.0.0.1", if check { 0 } else { 3001 }))?;
    let address = server.addrs().first().copied().ok_or("no address was bound")?;
    println!("serving on http://{address}");

    let server = server.run();
    if check {
        let handle = server.handle();
        let server = actix_web::rt::spawn(server);
        let checked = check::requests(address, &board).await;
        handle.stop(true).await;
        server.await??;
        checked?;
    } else {
        server.await?;
    }
    cache.shutdown().await?;
    Ok(())
}
