//! What the hosts check themselves with: one HTTP request over one TCP connection, and findings that are printed.
//!
//! Owns: just enough of HTTP/1.1 to ask a server on this machine. Never: follows redirects, chunks or TLS; use a real client
//! for anything else.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a server said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    head: String,
}

impl Answer {
    /// The value of the header `name`, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    }
}

/// Asks the server at `address`; `request` is like `GET /books/1`.
pub async fn ask(address: SocketAddr, request: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let headers = headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
    let text = format!(
        "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n"
    );
    stream.write_all(text.as_bytes()).await?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await?;
    let raw = String::from_utf8_lossy(&raw);
    let (head, body) = raw.split_once("\r\n\r\n").ok_or_else(|| Error::other("no HTTP answer"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::other("an HTTP answer without a status"))?;
    Ok(Answer { status, body: body.to_owned(), head: head.to_owned() })
}

/// Asks the page of the cache at `path` what every host with one promises; `prefix` is one of the keys that it holds.
pub async fn admin(address: SocketAddr, path: &str, token: &str, prefix: &str) -> Result<()> {
    let page = ask(address, &format!("GET {path}/"), &[]).await?;
    found("the page of the cache is served", page.status == 200 && page.body.contains("<html"))?;
    let bare = ask(address, &format!("GET {path}"), &[]).await?;
    found(
        "without the last slash it is sent there",
        bare.status == 308 && bare.header("location") == "cache/",
    )?;
    let metrics = ask(address, &format!("GET {path}/metrics"), &[]).await?;
    found("so are its metrics", metrics.status == 200 && metrics.body.contains("apex_cache_"))?;
    let entries = format!("GET {path}/api/entries?scope=prefix:{prefix}");
    found("no key without the token", ask(address, &entries, &[]).await?.status == 401)?;
    let bearer = format!("Bearer {token}");
    let keys = ask(address, &entries, &[("authorization", &bearer)]).await?;
    found("with it there are keys", keys.status == 200 && keys.body.contains(&format!("\"{prefix}::")))?;
    let foreign = [("authorization", bearer.as_str()), ("origin", "http://elsewhere.example")];
    let refused = ask(address, &entries, &foreign).await?;
    found("a page from elsewhere cannot ask", refused.status == 403)
}

/// Opens a stream of events of the page of the cache at `path`, as a browser that shows the page does.
pub async fn listen(address: SocketAddr, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let text = format!("GET {path}/api/events?stats=1 HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    let mut first = [0; 1_024];
    let read = stream.read(&mut first).await?;
    found("events come as a stream", first[..read].starts_with(b"HTTP/1.1 200"))?;
    Ok(stream)
}

/// Whether a stream of events has ended, after its server did.
pub async fn ended(mut stream: TcpStream) -> Result<()> {
    let mut rest = Vec::new();
    let whole = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await;
    found("the open stream ended with the server", whole.is_ok())
}

/// Prints a finding; one that does not hold is an error, and ends the check through `?`.
pub fn found(what: &str, holds: bool) -> Result<()> {
    println!("{} {what}", if holds { "ok  " } else { "WRONG" });
    if holds { Ok(()) } else { Err(Error::other(format!("this does not hold: {what}"))) }
}
