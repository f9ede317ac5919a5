//! Events as a stream.

use serde_json::Value;

use crate::client::{Connection, Host, KEY_MARK, VALUE_MARK};

/// Listens; with the token or without.
fn listen(host: &Host, query: &str, with_token: bool) -> Connection {
    let path = format!("/api/events{query}");
    let head = if with_token {
        host.head("GET", &path)
    } else {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", host.address)
    };
    let mut connection = Connection::to(host.address);
    connection.write(format!("{head}\r\n").as_bytes());
    let response = connection.response_head().expect("an answer").expect(200);
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    connection
}

/// The next event and its data.
fn next(connection: &mut Connection) -> (String, Value) {
    let kind = connection.until("event: ").and_then(|_| connection.until("\n")).expect("an event");
    let data = connection.until("data: ").and_then(|_| connection.until("\n")).expect("its data");
    (kind.trim().to_owned(), serde_json::from_str(data.trim()).expect("JSON"))
}

#[test]
fn counters_come_at_once_and_again() {
    let host = Host::new();
    let mut stream = listen(&host, "?stats=1&kinds=none", false);
    let (kind, first) = next(&mut stream);
    assert_eq!((&*kind, &first["entries"]), ("stats", &6.into()));
    host.wait(host.cache.clear()).unwrap();
    let (_, second) = next(&mut stream);
    assert_eq!(second["entries"], 0);
    assert!(second["uptime_s"].as_f64() > first["uptime_s"].as_f64());
}

#[test]
fn what_takes_place_is_told_with_keys_only_to_who_has_the_token() {
    let host = Host::new();
    let (mut with, mut without) = (listen(&host, "?kinds=removed,cleared", true), listen(&host, "", false));
    let mut other = listen(&host, "?tier=query&stats=1", true);
    host.wait(host.cache.remove(format!("user::{KEY_MARK}::profile"))).unwrap();
    host.wait(host.cache.clear()).unwrap();
    let (kind, data) = next(&mut with);
    assert_eq!((&*kind, &data["cause"], &data["tier"]), ("removed", &"removed".into(), &"user".into()));
    assert_eq!(data["key"], format!("user::{KEY_MARK}::profile"));
    let (kind, data) = next(&mut without);
    assert_eq!((&*kind, &data["key"]), ("removed", &Value::Null));
    assert!(!data.to_string().contains(KEY_MARK));
    assert_eq!(next(&mut with).0, "cleared");
    loop {
        match next(&mut other) {
            (kind, _) if kind == "stats" => {}
            (kind, data) => {
                assert_eq!((&*kind, &data["tier"]), ("cleared", &"query".into()), "only of that tier");
                break;
            }
        }
    }
    host.wait(host.cache.shutdown()).unwrap();
    for mut stream in [with, without, other] {
        let rest = stream.rest();
        assert!(rest.contains("event: ended") && !rest.contains(VALUE_MARK), "{rest}");
    }
}

#[test]
fn a_flood_is_thinned_out_and_said_to_be() {
    let host = Host::new();
    let mut stream = listen(&host, "?kinds=removed", true);
    for round in 0..3_000 {
        host.wait(host.cache.set("query::hot", &round)).unwrap();
    }
    let mut told = 0;
    loop {
        match next(&mut stream) {
            (kind, data) if kind == "missed" => {
                assert!(data["count"].as_u64().unwrap() > 0);
                break;
            }
            _ => told += 1,
        }
    }
    assert!((1..=2_000).contains(&told), "{told}");
}

#[test]
fn there_are_only_so_many_listeners_and_one_that_goes_makes_room() {
    let host = Host::new();
    let mut streams: Vec<_> = (0..16).map(|_| listen(&host, "?stats=1&kinds=none", false)).collect();
    assert_eq!(host.get("/api/events").expect(429).kind(), "TooManyListeners");
    drop(streams.pop());
    // The server notices it when it writes the next time.
    for _ in 0..100 {
        next(&mut streams[0]);
        if host.get_open("/health").status == 200 && try_listen(&host) {
            return;
        }
    }
    panic!("no room was made");
}

fn try_listen(host: &Host) -> bool {
    let mut connection = Connection::to(host.address);
    connection.write(format!("{}\r\n", host.head("GET", "/api/events?kinds=none")).as_bytes());
    connection.response_head().is_some_and(|response| response.status == 200)
}

#[test]
fn a_stream_of_something_else_is_refused() {
    let host = Host::new();
    for wrong in
        ["kinds=nope", "kinds=removed,,", "stats=61", "stats=-1", "stats=x", "tier=a&tier=b", "every=1"]
    {
        assert_eq!(host.get(&format!("/api/events?{wrong}")).status, 400, "{wrong}");
    }
    assert_eq!(host.get("/api/events?tier=nobody").expect(404).kind(), "UnknownTier");
}
