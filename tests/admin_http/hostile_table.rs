//! The table of hostile requests.
//!
//! Owns: the bytes of each, and which answers are right. Status 0: the connection is closed without an answer, which is right
//! only where the bytes are no HTTP.

use apex_cache::admin::http::{Admin, random_token};

use crate::client::{Host, KEY_MARK};
use crate::{hostile_bodies, hostile_wire};

/// What stands in tokens that are tried.
pub(crate) const GUESS_MARK: &str = "GUESSMARK-91ce";
/// What stands in bodies and headers that are refused.
pub(crate) const BODY_MARK: &str = "BODYMARK-c0ffee";

/// One of them.
pub(crate) struct Hostile {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) allowed: Vec<u16>,
    /// Whether the client says that nothing more will come.
    pub(crate) ends: bool,
}

/// The status of a connection that was closed without an answer.
pub(crate) fn closed() -> u16 {
    0
}

pub(crate) struct Table<'h> {
    pub(crate) host: &'h Host,
    rows: Vec<Hostile>,
}

impl Table<'_> {
    pub(crate) fn raw(&mut self, name: &str, bytes: impl Into<Vec<u8>>, allowed: &[u16]) {
        let (name, bytes, allowed) = (name.to_owned(), bytes.into(), allowed.to_vec());
        self.rows.push(Hostile { name, bytes, allowed, ends: true });
    }

    /// A GET with the token.
    pub(crate) fn get(&mut self, path: &str, allowed: &[u16]) {
        let bytes = format!("{}\r\n", self.host.head("GET", path));
        self.raw(&format!("GET {path:.60}"), bytes, allowed);
    }

    /// A POST with the token and a body.
    pub(crate) fn post(&mut self, path: &str, body: impl AsRef<[u8]>, allowed: &[u16]) {
        let body = body.as_ref();
        let head = self.host.head("POST", path);
        let mut bytes =
            format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&format!("POST {path} {:.60}", String::from_utf8_lossy(body)), bytes, allowed);
    }

    /// A clear of everything with the token, but for these headers.
    pub(crate) fn clear(&mut self, headers: &str, allowed: &[u16]) {
        let bytes = format!("{}{headers}\r\n{{}}", self.host.head("POST", "/api/clear"));
        self.raw(&format!("clear with {headers:.60?}"), bytes, allowed);
    }

    /// A GET of counters with these headers only.
    pub(crate) fn bare(&mut self, headers: &str, allowed: &[u16]) {
        self.raw(
            &format!("stats with {headers:.60?}"),
            format!("GET /api/stats HTTP/1.1\r\n{headers}\r\n"),
            allowed,
        );
    }
}

/// All of them, for `host`.
pub(crate) fn table(host: &Host) -> Vec<Hostile> {
    let mut table = Table { host, rows: Vec::new() };
    methods(&mut table);
    hosts(&mut table);
    origins(&mut table);
    tokens(&mut table);
    types(&mut table);
    hostile_bodies::add(&mut table);
    hostile_wire::add(&mut table);
    table.rows
}

fn methods(table: &mut Table<'_>) {
    let paths: Vec<_> = Admin::routes().collect();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "get", "BREW"] {
        for path in ["/api/clear", "/api/stats"] {
            let bytes = format!("{}\r\n", table.host.head(method, path));
            // The answer to a HEAD has a length and no body: what is read is the head.
            let row = Hostile {
                name: format!("{method} {path}"),
                bytes: bytes.into(),
                allowed: vec![405],
                ends: true,
            };
            if method != "HEAD" {
                table.rows.push(row);
            }
        }
    }
    // A change by GET: what a picture on another page can send.
    for (method, path) in
        paths.iter().filter(|(_, path)| paths.iter().filter(|(_, other)| other == path).count() == 1)
    {
        let other = if *method == "GET" { "POST" } else { "GET" };
        let bytes = format!("{}Content-Length: 0\r\n\r\n", table.host.head(other, path));
        table.raw(&format!("{other} {path}"), bytes, &[405]);
    }
}

fn hosts(table: &mut Table<'_>) {
    for host in [
        "evil.example.com",
        "evil.example.com:9120",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "127.1",
        "2130706433",
        "0.0.0.0",
        "[::]",
        "192.168.0.1",
        "",
        " ",
        ":80",
        "localhost:99999",
        "localhost:x",
        "[::1",
        "user@localhost",
        "localhost/x",
        "127.0.0.1, evil.com",
        "*",
    ] {
        table.bare(&format!("Host: {host}\r\n"), &[400, 403]);
    }
    table.bare("", &[400, 403]);
    table.bare("Host: localhost\r\nHost: evil.com\r\n", &[400, 403]);
    table.bare("Host: evil.com\r\nX-Forwarded-Host: localhost\r\n", &[403]);
    table.bare("Host: evil.com\r\nForwarded: host=localhost\r\n", &[403]);
    table.raw(
        "absolute form of another host",
        "GET http://evil.com/api/stats HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[400, 403],
    );
    table.raw(
        "absolute form, Host of another",
        "GET http://localhost/api/stats HTTP/1.1\r\nHost: evil.com\r\n\r\n",
        &[400, 403],
    );
    table.raw("HTTP/1.0 without a Host", "GET /api/stats HTTP/1.0\r\n\r\n", &[400, 403]);
}

fn origins(table: &mut Table<'_>) {
    let json = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    for header in [
        "Origin: http://evil.com",
        "Origin: null",
        "Origin: http://localhost:1",
        "Origin: file://",
        "Origin: ",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: x",
    ] {
        table.clear(&format!("{header}\r\n{json}"), &[403]);
    }
    let host = table.host.address;
    let with = |more: &str| format!("Host: {host}\r\n{more}");
    table.bare(&with("Origin: http://evil.com\r\n"), &[403]);
    table.bare(&with("Origin: http://evil.com\r\nOrigin: http://localhost\r\n"), &[403]);
    table.bare(&with("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n"), &[403]);
    let preflight = format!(
        "OPTIONS /api/clear HTTP/1.1\r\nHost: {host}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: authorization\r\nOrigin: http://evil.com\r\n\r\n"
    );
    table.raw("a preflight", preflight, &[403, 405]);
}

fn tokens(table: &mut Table<'_>) {
    let (host, token) = (table.host.address, table.host.token.clone());
    let json = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    let mut clear = |authorization: &str| {
        let bytes = format!("POST /api/clear HTTP/1.1\r\nHost: {host}\r\n{authorization}{json}\r\n{{}}");
        table.raw(&format!("clear with {authorization:.40?}"), bytes, &[401, 429]);
    };
    clear("");
    for given in [
        GUESS_MARK.to_owned(),
        format!("Bearer {GUESS_MARK}"),
        format!("Bearer {}", random_token()),
        format!("Basic {token}"),
        format!("Bearer{token}"),
        format!("Bearer {}", &token[..63]),
        format!("Bearer {token}0"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {token} {token}"),
        format!("Bearer {}", "x".repeat(8_000)),
        format!("Bearer {GUESS_MARK}\u{e9}"),
        "Bearer".to_owned(),
        String::new(),
    ] {
        clear(&format!("Authorization: {given}\r\n"));
    }
    clear(&format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {GUESS_MARK}\r\n"));
    clear(&format!("X-Authorization: Bearer {token}\r\n"));
    clear(&format!("Cookie: token={token}\r\n"));
    for path in
        [format!("/api/entries?token={GUESS_MARK}"), format!("/api/explain?key=user::{KEY_MARK}::profile")]
    {
        table.raw(
            &format!("{path} without a token"),
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            &[401],
        );
    }
}

fn types(table: &mut Table<'_>) {
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "Content-Type: application/jsonx\r\n",
        "Content-Type: \r\n",
        "Content-Type: application/json; charset=utf-16\r\n",
        "Content-Type: text/json\r\n",
        "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
        "Content-Type: text/plain; application/json\r\n",
        "Content-Type: application/json, text/plain\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    ] {
        table.clear(&format!("{kind}Content-Length: 2\r\n"), &[415]);
    }
}
