//! Server-sent events, read from a body that does not end.
//!
//! Owns: their grammar, and the bound on what one may hold. Never: knows what an event means.

use std::io::{self, BufRead, BufReader, Read};

use ureq::BodyReader;

use super::client::Client;
use super::failure::Failure;

/// Bytes of one event. The largest of the admin, the counters of 64 tiers, has some 60 KiB.
const EVENT_MAX: usize = 1 << 20;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) data: String,
}

/// The events of an admin, until it or the way to it ends.
pub(super) struct Stream {
    client: Client,
    events: Parser<BufReader<BodyReader<'static>>>,
}

impl Client {
    /// Listens to the events that `query` asks for.
    pub(super) fn listen(&self, query: &[(&str, &str)]) -> Result<Stream, Failure> {
        let body = self.stream(query)?.into_reader();
        Ok(Stream { client: self.clone(), events: Parser(BufReader::new(body)) })
    }
}

impl Stream {
    /// The next; `None` when the other side said that it ended.
    pub(super) fn next(&mut self) -> Result<Option<Told>, Failure> {
        match self.events.next() {
            Ok(Some(told)) if told.kind == "ended" => Ok(None),
            Ok(Some(told)) => Ok(Some(told)),
            Ok(None) => Err(self.lost(io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&self, error: io::Error) -> Failure {
        self.client.unreachable(&ureq::Error::from(error))
    }
}

struct Parser<R>(R);

impl<R: BufRead> Parser<R> {
    /// The next event that has data; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Told>> {
        let (mut kind, mut data) = (String::new(), String::new());
        let mut left = EVENT_MAX;
        while let Some(line) = self.line(&mut left)? {
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() && !data.is_empty() => return Ok(Some(Told { kind, data })),
                "event" => value.clone_into(&mut kind),
                "data" => {
                    let gap = if data.is_empty() { "" } else { "\n" };
                    data = data + gap + value;
                }
                // A sign of life, or the end of an event that has nothing to tell.
                "" => {
                    left = EVENT_MAX;
                    if line.is_empty() {
                        kind.clear();
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// A line without its end, of at most `left` bytes; `None` at the end of all.
    fn line(&mut self, left: &mut usize) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let most = u64::try_from(*left).unwrap_or(u64::MAX);
        let read = self.0.by_ref().take(most).read_until(b'\n', &mut line)?;
        *left -= read;
        if line.last() != Some(&b'\n') {
            if *left == 0 {
                return Err(io::Error::other(format!("an event has more than {EVENT_MAX} bytes")));
            }
            return Ok(None); // cut off in the middle: what was said is not known
        }
        line.pop();
        line.pop_if(|last| *last == b'\r');
        String::from_utf8(line).map(Some).map_err(|_| io::Error::other("an event is no UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> io::Result<Vec<(String, String)>> {
        let mut parser = Parser(text.as_bytes());
        let mut all = Vec::new();
        while let Some(Told { kind, data }) = parser.next()? {
            all.push((kind, data));
        }
        Ok(all)
    }

    #[test]
    fn events_are_read_as_the_standard_writes_them() {
        let text = ": alive\n\nevent: removed\r\ndata: {\r\ndata:}\r\n\r\nid: 7\nretry: 1\ndata: x\n\nevent: empty\n\n\
                    event: cut\ndata: off";
        let wanted = [("removed", "{\n}"), ("", "x")].map(|(kind, data)| (kind.to_owned(), data.to_owned()));
        assert_eq!(told(text).unwrap(), wanted);
    }

    #[test]
    fn an_event_without_end_is_cut_off_and_signs_of_life_never_add_up() {
        let endless = format!("data: {}", "x".repeat(EVENT_MAX));
        assert!(told(&endless).is_err());
        let lines = format!("event: a\n{}", "data: x\n".repeat(EVENT_MAX / 8));
        assert!(told(&lines).is_err());
        let alive = ": alive\n\n".repeat(EVENT_MAX / 4);
        assert_eq!(told(&format!("{alive}data: y\n\n")).unwrap().len(), 1);
        assert!(told("data: \u{0}x\n\n").is_ok());
        assert!(Parser(&b"data: \xff\n\n"[..]).next().is_err());
    }
}
