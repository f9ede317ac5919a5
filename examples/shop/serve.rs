//! The shop, open: pages over HTTP, the page of the cache beside them, and visitors all the while, so that there is something to
//! see. Until Ctrl-C, or for as long as was asked for.
//!
//! Owns: the order of opening and closing. Never: measures; the runs without and with the cache do.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use apex_cache::admin::http::{Admin, AdminSettings, random_token};

use crate::cached::CachedShop;
use crate::database::Database;
use crate::options::Options;
use crate::reads::Shop;
use crate::schema::Master;
use crate::truth::Truth;
use crate::visitors::Visitors;
use crate::{Trouble, data, pages, start};

/// Where the page of the cache lies.
const ADMIN: &str = "/admin/cache";

pub(crate) async fn run(
    options: &Options,
    address: SocketAddr,
    master: &Master,
) -> Result<ExitCode, Trouble> {
    let database = Database::open(&master.copy("open")?, options.delay, options.seed)?;
    let shop = start::start(database, options).await?;
    let token = std::env::var(AdminSettings::TOKEN_VARIABLE).unwrap_or_else(|_| random_token());
    let (server, address) = listen(&shop, address, &token)?;
    let handle = server.handle();
    let server = tokio::spawn(server);
    println!("{}", open(address, &token, options));

    let categories = data::leaves().into_iter().map(|(_, sub)| sub);
    let truth = Arc::new(Truth::new(options.users, categories, Duration::from_secs(1_800)));
    let visitors = Visitors::arrive(options, &Arc::new(Shop::Cached(shop.clone())), &truth);
    wait(options.seconds).await;

    let totals = visitors.leave().await;
    handle.stop(true).await;
    drop(server.await);
    println!("{}", shop.cache.command("/cache-stats", "shop").await);
    shop.cache.shutdown().await?;
    println!("closed: {}", totals.describe());
    Ok(if totals.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Pages and admin on one address; who may ask the admin for what is the admin's business.
fn listen(shop: &CachedShop, address: SocketAddr, token: &str) -> Result<(Server, SocketAddr), Trouble> {
    let refused = |why: String| Trouble::Database(format!("the shop was not opened: {why}"));
    // Once, outside of the factory, which runs for each worker. By its address it can be reached in any case.
    let settings = AdminSettings::new().bind(address).token(token);
    let admin = Admin::new(&shop.cache, &settings).map_err(|error| refused(error.to_string()))?;
    let data = Data::new(shop.clone());
    let factory =
        move || App::new().app_data(data.clone()).service(admin.scope(ADMIN)).configure(pages::routes);
    let server = HttpServer::new(factory).workers(2).shutdown_timeout(1).disable_signals().bind(address);
    let server = server.map_err(|error| refused(format!("{error}; name another address behind --serve")))?;
    let address = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), address))
}

fn open(address: SocketAddr, token: &str, options: &Options) -> String {
    let cache = format!("http://{address}{ADMIN}/#token={token}");
    let end = options.seconds.map_or_else(|| "until Ctrl-C".to_owned(), |seconds| format!("for {seconds} s"));
    format!(
        "the shop is open, {end}, with {} visitors at once\n  shop   http://{address}/\n  cache  {cache}\n\
         In another terminal:\n  export APEX_CACHE_URL='{cache}'\n  \
         cargo run --release --features cli --bin apex-cache -- stats --watch",
        options.at_once
    )
}

/// Until it was interrupted, or `seconds` have passed.
async fn wait(seconds: Option<u32>) {
    let interrupted = tokio::signal::ctrl_c();
    match seconds {
        Some(seconds) => drop(tokio::time::timeout(Duration::from_secs(seconds.into()), interrupted).await),
        None => drop(interrupted.await),
    }
}
