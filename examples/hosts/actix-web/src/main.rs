//! A departure board on actix-web: the cache's actors live in the host's own actix system, and are sent typed messages.
//!
//! Run: `cargo run -p host-actix-web`, then `curl -i 127.0.0.1:3001/stations/1` twice, and open the address of the cache's page
//!      that it prints
//!      `cargo run -p host-actix-web -- --check` asks itself over a loopback port and ends
//! Look at: `main` (`Placement::Inline`, the page of the cache), `web.rs` (`GetOrLoad`, `Remove`, `Stats` through a `SupervisorRef`).

mod check;
mod timetable;
mod web;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use actix_web::rt::{System, signal};
use actix_web::web::scope;
use actix_web::{App, HttpServer};
use apex_cache::admin::http::{Admin, AdminSettings, random_token};
use apex_cache::web::{CacheMiddleware, TIMEOUT_HEADER};
use apex_cache::{Cache, Placement, Settings};

use timetable::Timetable;
use web::Board;

/// Where the page of the cache lies.
const ADMIN: &str = "/admin/cache";

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
    let token = random_token();
    // Once, outside of the factory. The middleware is around the routes of the board alone: looking at the cache is no activity
    // of a user.
    let admin = Admin::new(&cache, &AdminSettings::new().token(&token))?;
    let factory = {
        let (board, admin) = (board.clone(), admin.clone());
        move || {
            let routes = scope("").configure(web::routes).wrap(middleware.clone());
            App::new().app_data(board.data()).service(admin.scope(ADMIN)).service(routes)
        }
    };
    // The signals are waited for below: the streams of the page must end first.
    let server = HttpServer::new(factory).workers(2).disable_signals();
    let server = server.bind(("127.0.0.1", if check { 0 } else { 3001 }))?;
    let address = server.addrs().first().copied().ok_or("no address was bound")?;
    println!("serving on http://{address}");
    println!("the cache: http://{address}{ADMIN}/#token={token}");

    let server = server.run();
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);
    let checked = if check {
        check::requests(address, &board, &token).await
    } else {
        interrupted().await;
        Ok(())
    };
    let stream = if check { Some(probe::listen(address, ADMIN).await?) } else { None };
    // A page that is open listens to a stream that has no end: the server would wait for it, up to its shutdown_timeout.
    admin.close_streams();
    handle.stop(true).await;
    server.await??;
    checked?;
    if let Some(stream) = stream {
        probe::ended(stream).await?;
    }
    cache.shutdown().await?;
    Ok(())
}

/// Waits for Ctrl-C, or for what a service manager sends.
async fn interrupted() {
    let mut interrupt = pin!(signal::ctrl_c());
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate()).ok();
    poll_fn(|cx| {
        #[cfg(unix)]
        if terminate.as_mut().is_some_and(|terminate| terminate.poll_recv(cx).is_ready()) {
            return Poll::Ready(());
        }
        interrupt.as_mut().poll(cx).map(drop)
    })
    .await;
}
