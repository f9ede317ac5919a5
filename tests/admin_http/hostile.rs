//! Requests that nobody sends in good faith: each is refused as promised, changes nothing, tells nothing, and leaves the
//! server fit for the next.
//!
//! Owns: the table. Never: accepts "some error": each line says which answers are right.

use crate::client::{Connection, Host, KEY_MARK, Response, VALUE_MARK};
use crate::hostile_table::{BODY_MARK, GUESS_MARK, Hostile, closed, table};
use crate::log;

/// What the other side made of one request: an answer, or a connection that was closed without one.
fn outcome(host: &Host, hostile: &Hostile) -> Option<Response> {
    let mut connection = Connection::to(host.address);
    connection.write(&hostile.bytes);
    if hostile.ends {
        connection.close_writing();
    }
    let response = connection.response();
    assert!(!connection.hung, "{}: neither answered nor closed", hostile.name);
    response
}

/// Everything that a change could have changed.
fn state(host: &Host) -> String {
    let mut info = host.wait(host.cache.info()).expect("the cache lives");
    info.uptime = std::time::Duration::ZERO;
    let stats = host.wait(host.cache.stats()).expect("the cache lives");
    let reads: Vec<_> =
        stats.tiers.iter().map(|tier| (tier.stats.hits, tier.stats.misses, tier.stats.loads)).collect();
    format!("{info:?} {reads:?} {:?}", stats.warm)
}

#[test]
fn hostile_requests_are_refused_change_nothing_and_tell_nothing() {
    log::start();
    let host = Host::new();
    let before = state(&host);
    let table = table(&host);
    assert!(table.len() >= 150, "{} lines", table.len());
    let mut wrong = Vec::new();
    let mut said = String::new();
    for hostile in &table {
        let response = outcome(&host, hostile);
        let status = response.as_ref().map_or(closed(), |response| response.status);
        if !hostile.allowed.contains(&status) {
            wrong.push(format!("{}: {status}, not {:?}: {response:?}", hostile.name, hostile.allowed));
        }
        if let Some(response) = &response {
            said.push_str(&response.all());
            let is_ours = response.header("content-security-policy").is_some();
            if is_ours && response.status >= 400 && response.json()["error"]["message"].as_str().is_none() {
                wrong.push(format!("{}: no sentence: {}", hostile.name, response.body));
            }
            if response.headers.iter().any(|(name, _)| name.starts_with("access-control-")) {
                wrong.push(format!("{}: a CORS header", hostile.name));
            }
        }
        if host.get_open("/health").status != 200 {
            wrong.push(format!("{}: the next request was not answered", hostile.name));
        }
    }
    assert!(wrong.is_empty(), "of {} requests:\n{}", table.len(), wrong.join("\n"));
    assert_eq!(state(&host), before, "something was changed");
    let metrics = host.get("/metrics").body;
    let log = log::all();
    for (name, text) in [("an answer", &said), ("a metric", &metrics), ("the log", &log)] {
        for mark in [VALUE_MARK, KEY_MARK, GUESS_MARK, BODY_MARK, &host.token] {
            assert!(!text.contains(mark), "{mark} stands in {name}");
        }
    }
}

#[test]
fn a_connection_goes_on_after_a_refusal() {
    let host = Host::new();
    let mut connection = Connection::to(host.address);
    for _ in 0..3 {
        let length = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        let lines = [
            (format!("GET /nothing HTTP/1.1\r\nHost: {}\r\n\r\n", host.address), 404),
            (format!("{}\r\n", host.head("DELETE", "/api/stats")), 405),
            (format!("{}\r\n", host.head("GET", "/api/entries?limit=0")), 400),
            (format!("{}{length}", host.head("POST", "/api/ttl")), 400),
            (format!("{}\r\n", host.head("GET", "/health")), 200),
        ];
        for (bytes, status) in lines {
            connection.write(bytes.as_bytes());
            connection.response().expect("it goes on").expect(status);
        }
    }
}

#[test]
fn slow_clients_are_cut_and_others_are_served_meanwhile() {
    let host = Host::new();
    let mut slow: Vec<(&str, Connection)> = Vec::new();
    for (name, bytes) in [
        ("half a request line", "GET /hea".to_owned()),
        ("half a head", format!("GET /health HTTP/1.1\r\nHost: {}\r\nX-Slow: ", host.address)),
        (
            "half a body",
            format!(
                "{}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{{",
                host.head("POST", "/api/clear")
            ),
        ),
        (
            "half a chunk",
            format!(
                "{}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{",
                host.head("POST", "/api/clear")
            ),
        ),
        (
            "half a chunk without the token",
            format!(
                "POST /api/clear HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{",
                host.address
            ),
        ),
        ("nothing after the first", format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", host.address)),
    ] {
        let mut connection = Connection::to(host.address);
        connection.write(bytes.as_bytes());
        slow.push((name, connection));
    }
    let mut silent: Vec<_> = (0..40).map(|_| Connection::to(host.address)).collect();
    host.get("/api/stats").expect(200);
    for (name, connection) in &mut slow {
        let rest = connection.rest();
        assert!(!connection.hung, "{name} is not cut");
        assert!(
            rest.is_empty() || rest.contains(" 408 ") || rest.contains(" 401 ") || rest.contains(" 200 "),
            "{name}: {rest}"
        );
    }
    for connection in &mut silent {
        connection.rest();
        assert!(!connection.hung, "a client that says nothing is not cut");
    }
    assert!(host.cache.contains("products::1").unwrap(), "half a clear clears nothing");
}

#[test]
fn more_connections_than_allowed_wait_and_are_served() {
    let host = Host::new();
    let mut crowd: Vec<_> = (0..100).map(|_| Connection::to(host.address)).collect();
    let health = format!("GET /health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host.address);
    for connection in &mut crowd {
        connection.write(health.as_bytes());
    }
    let answered =
        crowd.iter_mut().filter_map(Connection::response).filter(|response| response.status == 200).count();
    assert_eq!(answered, 100);
}
