//! `health`: whether the cache lives and is ready, for people and for probes.
//!
//! Owns: that both must be so. Never: changes anything, or needs a token.

use serde_json::json;

use super::answers::{Health, Ready};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::out::{BAD, GOOD, Out, WARNING};
use crate::admin::text::counted;

pub(super) fn run(client: &Client, out: &Out) -> Result<Exit, Failure> {
    let health: Health = client.ask("/health")?.read;
    let Ready { ready, waiting } = client.ask("/ready")?.read;
    let alive = health.status == "ok";
    let document = json!({ "status": health.status, "ready": ready, "waiting": waiting });
    out.show(&document, || match (alive, ready) {
        (true, true) => format!("{GOOD}healthy{GOOD:#} and ready\n"),
        (true, false) if waiting > 0 => {
            let sources = counted(waiting, "required warm source", "required warm sources");
            format!("{WARNING}not ready{WARNING:#}: it waits for {sources}; stats shows how far they are\n")
        }
        (true, false) => format!("{WARNING}not ready{WARNING:#}: the cache is ending\n"),
        (false, _) => format!(
            "{BAD}down{BAD:#}: the cache does not answer, or has ended; look into the log of the host\n"
        ),
    })?;
    Ok(if alive && ready { Exit::Done } else { Exit::Refused })
}
