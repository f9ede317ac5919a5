//! A client of the admin over HTTP, as plain as one can be.
//!
//! Owns: one connection that is kept. Never: decides what is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Failure;

/// A connection to an admin.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Client {
    /// Connects to `address`; what it asks bears `token`. A read that waits for longer than `patience` fails.
    ///
    /// Errors: those of the socket.
    pub fn connect(address: SocketAddr, token: &str, patience: Duration) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        let head = format!("Host: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
        Ok(Self { stream: BufReader::new(stream), head })
    }

    fn ask(&mut self, path: &str) -> Result<u64, Failure> {
        write!(self.stream.get_mut(), "GET {path} HTTP/1.1\r\n{}", self.head)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.split(' ').nth(1) != Some("200") {
            return Err(format!("GET {path} was answered with {}", line.trim()).into());
        }
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            if line.trim().is_empty() {
                return Ok(length);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
    }

    /// The answer to a GET of `path`.
    ///
    /// Errors: those of the socket, and any other status than 200.
    pub fn get(&mut self, path: &str) -> Result<String, Failure> {
        let length = self.ask(path)?;
        let mut body = vec![0; usize::try_from(length)?];
        self.stream.read_exact(&mut body)?;
        Ok(String::from_utf8(body)?)
    }

    /// Begins to listen to the stream at `path`.
    ///
    /// Errors: as [`Client::get`].
    pub fn listen(&mut self, path: &str) -> Result<(), Failure> {
        self.ask(path).map(drop)
    }

    /// Bytes of the stream that came meanwhile; waits for some, for as long as its patience lasts.
    ///
    /// Errors: those of the socket, and the end of the stream.
    pub fn more(&mut self) -> Result<usize, Failure> {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        let count = match self.stream.fill_buf() {
            Ok([]) => return Err("the stream has ended".into()),
            Ok(bytes) => bytes.len(),
            Err(error) if matches!(error.kind(), TimedOut | WouldBlock) => 0,
            Err(error) => return Err(error.into()),
        };
        self.stream.consume(count);
        Ok(count)
    }
}
