//! Asks the service what it promises, over a real port.
//!
//! Owns: the requests and what must come back. Never: looks inside but for how often the timetable was asked.

use std::error::Error;
use std::net::SocketAddr;

use apex_cache::web::TIMEOUT_HEADER;
use probe::{ask, found};

use crate::web::Board;

pub(crate) async fn requests(address: SocketAddr, board: &Board, token: &str) -> Result<(), Box<dyn Error>> {
    let asked = || board.timetable.asked();
    let first = ask(address, "GET /stations/1", &[("x-user", "ann")]).await?;
    found("the first request asks the timetable", first.header("x-cache") == "Loaded" && asked() == 1)?;
    let second = ask(address, "GET /stations/1", &[("x-user", "ann")]).await?;
    found("the second is served from memory", second.header("x-cache") == "Memory" && asked() == 1)?;
    found("both say the same", first.body == second.body && first.body.contains("\"minute\":4"))?;
    ask(address, "GET /stations/2", &[]).await?;

    let delay = ask(address, "POST /lines/U2/delay/5", &[]).await?;
    found("a delay takes the boards of both stations", delay.body.starts_with("2 boards"))?;
    let third = ask(address, "GET /stations/1", &[]).await?;
    found("the next request asks again", third.header("x-cache") == "Loaded" && asked() == 3)?;
    found("and shows the delay", third.body.contains("\"minute\":9"))?;

    let hurried = [(TIMEOUT_HEADER, "0")];
    let cold = ask(address, "GET /stations/2", &hurried).await?;
    found(
        "a client that does not wait gets no board that must be loaded",
        cold.status == 504 && asked() == 3,
    )?;
    found("and any that is in memory", ask(address, "GET /stations/1", &hurried).await?.status == 200)?;
    let wrong = ask(address, "GET /stations/9", &[]).await?;
    found("an error of the loader is told by what it is, and not kept", wrong.status == 404)?;
    println!("{}", ask(address, "GET /figures", &[]).await?.body);
    probe::admin(address, crate::ADMIN, token, "departures").await?;
    Ok(())
}
