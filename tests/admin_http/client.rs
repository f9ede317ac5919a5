//! A client that sends whatever it is told, byte by byte, and a host with an admin to send it to.
//!
//! Owns: sockets of the test, the planted marks, and the record of everything that came back. Never: is polite.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::admin::AuditEvent;
use apex_cache::admin::http::{AdminServer, AdminSettings, random_token};
use apex_cache::{Cache, Settings, WarmEntries, WarmSource};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A value that stands in the cache, and must come out nowhere.
pub(crate) const VALUE_MARK: &str = "VALUEMARK-3f9a1c";
/// A key that stands in the cache, and is for those with the token only.
pub(crate) const KEY_MARK: &str = "KEYMARK-77b2";

/// Longer than anything here takes, so that a test fails and does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cache with some entries, and its admin on a free port of this machine.
pub(crate) struct Host {
    runtime: Runtime,
    /// Where the file of its settings is.
    pub(crate) folder: TempDir,
    pub(crate) cache: Cache,
    /// What the audit was told: who, what, scope, count, and whether it went well.
    pub(crate) audited: Arc<Mutex<Vec<String>>>,
    admin: Option<AdminServer>,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Host {
    /// With a token.
    pub(crate) fn new() -> Self {
        let token = random_token();
        Self::with(AdminSettings::new().token(&token), token)
    }

    /// Without one.
    pub(crate) fn without_token() -> Self {
        Self::with(AdminSettings::new(), String::new())
    }

    pub(crate) fn with(settings: AdminSettings, token: String) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("app.toml");
        std::fs::write(&file, "ttl_config = 3600\n").expect("a file in it");
        let read = Settings::load().file(file).read().expect("good settings");
        let audited = Arc::<Mutex<Vec<String>>>::default();
        let ear = Arc::clone(&audited);
        let (cache, admin) = runtime.block_on(async {
            let menu = || async {
                let mut entries = WarmEntries::new();
                entries.push("products::warm", VALUE_MARK)?;
                Ok::<_, apex_cache::BoxError>(entries)
            };
            let source = WarmSource::new("menu", "reference", move |_run| menu());
            let hear = move |event: &AuditEvent| {
                let told =
                    format!("{} {} {} {} {}", event.who, event.what, event.scope, event.count, event.ok);
                ear.lock().expect("nobody panics with it").push(told);
            };
            let builder = Cache::builder().audit(hear).settings(read).warm(source);
            let cache = builder.start().await.expect("default settings start");
            cache.set(format!("user::{KEY_MARK}::profile"), VALUE_MARK).await.expect("it is stored");
            for number in 0..5 {
                cache.set(format!("products::{number}"), VALUE_MARK).await.expect("it is stored");
            }
            let admin =
                AdminServer::start(&cache, &settings.bind(([127, 0, 0, 1], 0))).await.expect("it listens");
            (cache, admin)
        });
        let address = admin.address();
        Self { runtime, folder, cache, audited, admin: Some(admin), address, token }
    }

    /// Waits for what the cache is asked directly.
    pub(crate) fn wait<F: IntoFuture>(&self, future: F) -> F::Output {
        self.runtime.block_on(async { future.await })
    }

    pub(crate) fn stop(&mut self) {
        if let Some(admin) = self.admin.take() {
            self.runtime.block_on(admin.stop());
        }
    }

    /// The head of a good request with the token.
    pub(crate) fn head(&self, method: &str, path: &str) -> String {
        let token = &self.token;
        format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n", self.address)
    }

    /// A good GET with the token.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(format!("{}\r\n", self.head("GET", path)))
    }

    /// A good GET without.
    pub(crate) fn get_open(&self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address))
    }

    /// A good POST with the token.
    pub(crate) fn post(&self, path: &str, body: &str) -> Response {
        let head = self.head("POST", path);
        let length = body.len();
        self.send(format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"))
    }

    /// Whatever `bytes` are, on a connection of their own.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> Response {
        let mut connection = Connection::to(self.address);
        connection.write(bytes.as_ref());
        connection.response().expect("an answer")
    }
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    /// Whether the other side neither answered nor closed for longer than anything takes.
    pub(crate) hung: bool,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the admin listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self { stream, read: Vec::new(), hung: false }
    }

    /// Writes; that the other side has closed already is its right.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more will be written.
    pub(crate) fn close_writing(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Reads more; `false` at the end.
    fn more(&mut self) -> bool {
        let mut buffer = [0_u8; 16 << 10];
        match self.stream.read(&mut buffer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.hung = true;
                false
            }
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.read.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    /// What comes up to and with `end`, taken out of what was read.
    pub(crate) fn until(&mut self, end: &str) -> Option<String> {
        loop {
            let found = self.read.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = self.read.drain(..at + end.len()).collect();
                return Some(String::from_utf8_lossy(&taken).into_owned());
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Everything until the other side closes.
    pub(crate) fn rest(&mut self) -> String {
        while self.more() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// The head of the next response.
    pub(crate) fn response_head(&mut self) -> Option<Response> {
        let head = self.until("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        };
        Some(Response { status, headers: lines.filter_map(header).collect(), body: String::new() })
    }

    /// The next response, whole.
    pub(crate) fn response(&mut self) -> Option<Response> {
        let mut response = self.response_head()?;
        let length = response.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            if !self.more() {
                return None;
            }
        }
        response.body = String::from_utf8(self.read.drain(..length).collect()).expect("answers are UTF-8");
        Some(response)
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The kind of an error.
    pub(crate) fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap_or_default().to_owned()
    }

    /// Everything that came, as one text.
    pub(crate) fn all(&self) -> String {
        let mut all = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            let _ = writeln!(all, "{name}: {value}");
        }
        all + &self.body
    }

    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.all());
        self
    }
}
