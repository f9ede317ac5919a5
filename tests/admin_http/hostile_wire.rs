//! Hostile requests that are too large, that two servers would read in two ways, or that are no HTTP.
//!
//! Owns: their rows of the table. Never: is well-formed.

use crate::hostile_table::{BODY_MARK, Table};

pub(crate) fn add(table: &mut Table<'_>) {
    sizes(table);
    smuggling(table);
    no_http(table);
}

fn sizes(table: &mut Table<'_>) {
    let json = "Content-Type: application/json\r\n";
    table.get(&format!("/api/explain?key={}", "k".repeat(4_200)), &[414]);
    table.get(&format!("/{}", "p".repeat(60_000)), &[400, 414]);
    table.get(&format!("/{}", "p".repeat(120_000)), &[0, 400, 414, 431]);
    table.clear(&format!("X-Long: {}\r\n{json}Content-Length: 2\r\n", "x".repeat(20_000)), &[431]);
    table.clear(
        &format!("{}{json}Content-Length: 2\r\n", format!("X-Many: {}\r\n", "y".repeat(400)).repeat(60)),
        &[431],
    );
    table.clear(&format!("{}{json}Content-Length: 2\r\n", "X: y\r\n".repeat(200)), &[0, 400, 431]);
    table.clear(&format!("X-Endless: {}", "z".repeat(200_000)), &[0, 400, 431]);
    table.post("/api/clear", " ".repeat(65_537), &[413]);
    table.post("/api/clear", format!("{{\"dry_run\":\"{BODY_MARK}{}\"}}", "x".repeat(70_000)), &[413]);
    table.clear(&format!("{json}Content-Length: 1073741824\r\n"), &[413]);
    table.clear(&format!("{json}Content-Length: 18446744073709551615\r\n"), &[400, 413]);
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4_096)).repeat(17);
    let bytes = format!(
        "{}{json}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n",
        table.host.head("POST", "/api/clear")
    );
    table.raw("chunks without end", bytes, &[413]);
}

fn smuggling(table: &mut Table<'_>) {
    let json = "Content-Type: application/json\r\n";
    for headers in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -2\r\n",
        "Content-Length: 2x\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        " Folded: x\r\n",
    ] {
        table.clear(&format!("{json}{headers}"), &[0, 400, 413, 415, 501]);
    }
    for chunks in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}",
        "2\n{}\n0\n\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}",
        "2;\r\n{}x0\r\n\r\n",
    ] {
        let bytes = format!(
            "{}{json}Transfer-Encoding: chunked\r\n\r\n{chunks}",
            table.host.head("POST", "/api/clear")
        );
        table.raw(&format!("chunks {chunks:?}"), bytes, &[0, 400, 408]);
    }
    let bytes = format!("{}Content-Length: 5\r\n\r\nhello", table.host.head("GET", "/api/stats"));
    table.raw("a GET with a body", bytes, &[400]);
    let bytes =
        format!("{}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", table.host.head("GET", "/api/stats"));
    table.raw("a GET with chunks", bytes, &[400]);
    table.clear(&format!("{json}Content-Length: 50\r\n"), &[0, 400, 408]);
    let bytes = format!(
        "{}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        table.host.head("GET", "/health")
    );
    table.raw("an upgrade", bytes, &[200, 400]);
    let bytes = format!(
        "{}Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
        table.host.head("GET", "/nothing")
    );
    table.raw("an upgrade to HTTP/2", bytes, &[400, 404]);
    let bytes = format!(
        "{}{json}Expect: 200-ok\r\nContent-Length: 3\r\n\r\n{{x}}",
        table.host.head("POST", "/api/clear")
    );
    table.raw("an expectation", bytes, &[400, 417]);
}

fn no_http(table: &mut Table<'_>) {
    let refused = [0, 400, 403, 404, 408, 505];
    for (name, bytes) in [
        ("nothing", &b""[..]),
        ("line breaks", b"\r\n\r\n\r\n\r\n"),
        ("zeros", &[0; 200]),
        ("high bytes", &[0xff; 200]),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaa\r\n\r\n"),
        ("a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("Redis", b"*1\r\n$8\r\nFLUSHALL\r\n\r\n"),
        ("HTTP/0.9", b"GET /api/stats\r\n\r\n"),
        ("HTTP/3.7", b"GET /api/stats HTTP/3.7\r\nHost: localhost\r\n\r\n"),
        ("no version", b"GET /api/stats \r\nHost: localhost\r\n\r\n"),
        ("blanks in the path", b"GET /api/stats x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("NUL in the path", b"GET /api/\0stats HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("NUL in a header", b"GET /api/stats HTTP/1.1\r\nHost: local\0host\r\n\r\n"),
        ("a header without a colon", b"GET /api/stats HTTP/1.1\r\nHost localhost\r\n\r\n"),
        ("high bytes in the Host", b"GET /api/stats HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n"),
        ("high bytes in the path", b"GET /api/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a request cut in its line", b"GET /api/st"),
        ("a request cut in its head", b"GET /api/stats HTTP/1.1\r\nHost: loc"),
        ("a response", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("a proxy's CONNECT", b"CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n"),
        ("a proxy's hello", b"PROXY TCP4 1.2.3.4 127.0.0.1 1 2\r\nGET /api/stats HTTP/1.1\r\n\r\n"),
    ] {
        table.raw(name, bytes, &refused);
    }
}
