//! `stats --watch`: the counters as they move, until somebody ends it.
//!
//! Owns: the wait for the next counters, for Ctrl-C, and for a host that is away for a while. Never: asks for more than the one
//! stream of counters, which costs the host no message to its actors.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answers::Stats;
use super::client::Client;
use super::failure::{Exit, Failure};
use super::frame::{Caption, Seen};
use super::interrupt::Interrupt;
use super::out::{COLUMNS, Out, write};
use super::screen::Screen;

/// How long after the loss of a host it is asked again, and how often the picture tells for how long it has been away.
const AGAIN: Duration = Duration::from_secs(1);

enum News {
    Counters(Box<Stats>, Value),
    Lost(Failure),
    Interrupted,
}

pub(super) fn run(client: &Client, seconds: u64, out: &Out) -> Result<Exit, Failure> {
    let (send, news) = sync_channel(4);
    let interrupt = Interrupt::watch(send.clone(), || News::Interrupted)?;
    // The first connection is made before the screen is taken: that a host is not there is said where it stays to be read.
    listen(client, seconds, send.clone())?;
    let screen = if out.json { None } else { Screen::enter()? };
    let mut watch =
        Watch { url: client.url(), seconds: screen.is_some().then_some(seconds), ..Watch::default() };
    while !interrupt.is_set() {
        match news.recv_timeout(AGAIN).ok() {
            Some(News::Counters(stats, document)) => {
                watch.lost = None;
                watch.seen.add(*stats);
                if screen.is_none() {
                    out.show(&document, || watch.picture(COLUMNS, out) + "\n")?;
                }
            }
            Some(News::Lost(failure)) if screen.is_some() => {
                // Counted from the first loss, however often it is tried.
                let since = watch.lost.map_or_else(Instant::now, |(since, _)| since);
                watch.lost = Some((since, failure));
                try_again(client, seconds, send.clone());
            }
            Some(News::Lost(failure)) => return Err(failure),
            Some(News::Interrupted) => break,
            None => {}
        }
        if let Some(screen) = &screen {
            screen.draw(&watch.picture(screen.columns(), out))?;
        }
    }
    if let Some(screen) = screen {
        let columns = screen.columns();
        drop(screen);
        // The last picture stays, for whoever wants to quote it.
        watch.seconds = None;
        write(&watch.picture(columns, out))?;
    }
    Ok(Exit::Done)
}

/// What is known so far.
#[derive(Default)]
struct Watch<'c> {
    url: &'c str,
    seconds: Option<u64>,
    seen: Seen,
    /// Since when nothing has come, and why.
    lost: Option<(Instant, Failure)>,
}

impl Watch<'_> {
    fn picture(&self, columns: usize, out: &Out) -> String {
        let lost = self.lost.as_ref().map(|(since, why)| (since.elapsed(), why.brief()));
        self.seen.picture(&Caption { url: self.url, seconds: self.seconds, lost }, columns, out)
    }
}

/// Opens the stream and has a thread tell what comes, until it is lost.
fn listen(client: &Client, seconds: u64, send: SyncSender<News>) -> Result<(), Failure> {
    let mut stream = client.listen(&[("stats", &seconds.to_string()), ("kinds", "none")])?;
    thread::spawn(move || {
        loop {
            let news = match stream.next() {
                Ok(Some(told)) if told.kind != "stats" => continue,
                Ok(Some(told)) => match read(&told.data) {
                    Ok((stats, document)) => News::Counters(Box::new(stats), document),
                    Err(error) => {
                        News::Lost(Failure::unreachable(format!("the counters that came are none: {error}")))
                    }
                },
                Ok(None) => News::Lost(Failure::new(Exit::Refused, "Closed", "the cache has ended")),
                Err(failure) => News::Lost(failure),
            };
            let ends = matches!(news, News::Lost(_));
            // Nobody listens any more: this process is at its end.
            if send.send(news).is_err() || ends {
                return;
            }
        }
    });
    Ok(())
}

fn read(data: &str) -> serde_json::Result<(Stats, Value)> {
    let document: Value = serde_json::from_str(data)?;
    Ok((serde_json::from_value(document.clone())?, document))
}

/// Listens again after a while, in a thread, so that Ctrl-C is heeded while a host does not answer.
fn try_again(client: &Client, seconds: u64, send: SyncSender<News>) {
    let client = client.clone();
    thread::spawn(move || {
        thread::park_timeout(AGAIN);
        if let Err(failure) = listen(&client, seconds, send.clone()) {
            let _ = send.send(News::Lost(failure));
        }
    });
}
