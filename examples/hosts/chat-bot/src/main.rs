//! A chat bot of a tea shop: lines in, panels out, and who may do what.
//!
//! Run: `cargo run -p host-chat-bot`, then type `ann: /cache-info`, `eve: /price sencha`; end with Ctrl-D
//!      `cargo run -p host-chat-bot -- --check` plays a conversation and ends
//! Look at: `bot.rs` (rights, and the question before something is taken away).

mod bot;
mod check;
mod prices;
mod rights;

use std::error::Error;

use apex_cache::{Cache, Settings};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use bot::Bot;
use prices::Prices;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let prices = Prices::new();
    let cache = Cache::builder()
        .settings(Settings::default().max_size_mb(16))
        .warm(prices.source())
        // A bot's log: who changed what by hand.
        .audit(|event| {
            eprintln!("audit: {} {} {}: {} entries", event.who, event.what, event.scope, event.count);
        })
        .start()
        .await?;
    cache.ready().await?;
    let bot = Bot::new(cache.clone(), prices);
    if std::env::args().any(|argument| argument == "--check") {
        check::conversation(bot).await?;
    } else {
        listen(bot).await?;
    }
    cache.shutdown().await?;
    Ok(())
}

/// Answers line by line, until there are no more.
async fn listen(mut bot: Bot) -> std::io::Result<()> {
    println!("type NAME: LINE, such as ann: /cache-help");
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let (who, line) = line.split_once(':').unwrap_or(("somebody", &line));
        println!("{}", bot.answer(who.trim(), line.trim()).await);
    }
    Ok(())
}
