//! What has no end: events, and counters that are watched.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use super::canned::{Canned, whole};
use super::client::Host;
use super::command::Apex;

fn piped(apex: Apex) -> Child {
    apex.start(|command| command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// Has something take place until the process has seen enough.
fn until_it_ends(child: &mut Child, host: &Host) -> Option<i32> {
    loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return status.code();
        }
        host.wait(async {
            host.cache.set("user::1::name", "Ann").await.expect("it is stored");
            host.cache.remove("user::1::name").await.expect("it is taken");
            host.cache.set("query::1", "x").await.expect("it is stored");
            host.cache.remove("query::1").await.expect("it is taken");
        });
    }
}

fn rest(stream: Option<impl std::io::Read>) -> String {
    let mut text = String::new();
    stream.expect("it is piped").read_to_string(&mut text).expect("what it writes is UTF-8");
    text
}

#[test]
fn events_are_told_line_by_line_as_they_happen() {
    let host = Host::new();
    let mut child =
        piped(Apex::of(&host, &["events", "--count", "3", "--kinds", "removed", "--tier", "user"]));
    assert_eq!(until_it_ends(&mut child, &host), Some(0));
    let text = rest(child.stdout.take());
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("left out here")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines.iter().all(|line| line.contains("removed") && line.contains("user::1::name")), "{text}");
    assert!(rest(child.stderr.take()).contains("Ctrl-C ends it"));
}

#[test]
fn as_json_each_event_is_an_object_on_a_line() {
    let host = Host::new();
    let mut child =
        piped(Apex::of(&host, &["events", "--json", "--count", "2", "--kinds", "removed,cleared"]));
    assert_eq!(until_it_ends(&mut child, &host), Some(0));
    let text = rest(child.stdout.take());
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let removed: Vec<_> = events.iter().filter(|event| event["event"] == "removed").collect();
    assert_eq!(removed.len(), 2, "{text}");
    assert!(removed.iter().all(|event| event["key"].is_string() && event["cause"] == "removed"), "{text}");
    assert!(removed.iter().all(|event| event["at"].as_str().is_some_and(|at| at.ends_with('Z'))), "{text}");
    assert!(rest(child.stderr.take()).is_empty());
}

#[test]
fn events_end_with_the_cache_and_a_lost_host_is_an_error() {
    let ends = |text: &'static str| Canned::new(move |_, _| whole(200, "text/event-stream", text));
    let event = "event: cleared\ndata: {\"tier\":\"user\",\"count\":2,\"bytes\":300}\n\n";
    let over = ends(
        "event: cleared\ndata: {\"tier\":\"user\",\"count\":2,\"bytes\":300}\n\nevent: ended\ndata: {}\n\n",
    );
    let ended = Apex::new(&["events", "--url", &over.url()]).run().expect(0);
    assert!(
        ended.out.contains("2 entries (300 bytes)") && ended.err.contains("the cache has ended"),
        "{ended:?}"
    );
    let cut = ends(event);
    let ended = Apex::new(&["events", "--url", &cut.url()]).run().expect(3);
    assert!(ended.err.contains("closed the connection"), "{ended:?}");
    let nonsense = ends("event: removed\ndata: nonsense\n\n");
    let ended = Apex::new(&["events", "--url", &nonsense.url()]).run().expect(3);
    assert!(ended.err.contains("no event"), "{ended:?}");
}

#[test]
fn watched_counters_that_go_to_a_pipe_are_told_again_and_again() {
    let host = Host::new();
    let mut child = piped(Apex::of(&host, &["stats", "--watch=1", "--json"]));
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next =
        || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("UTF-8")).expect("JSON") };
    let (first, second) = (next(), next());
    assert!(second["uptime_s"].as_f64() > first["uptime_s"].as_f64(), "{first} {second}");
    // Nobody reads any more: it ends by itself.
    drop(lines);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));

    let mut child = piped(Apex::of(&host, &["stats", "--watch=1"]));
    let mut text = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut seen = String::new();
    while seen.matches("READS/S").count() < 2 {
        assert!(text.read_line(&mut seen).expect("UTF-8") > 0, "{seen}");
    }
    assert!(!seen.contains('\u{1b}') && seen.contains("now, "), "{seen}");
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
}

#[test]
fn a_host_that_goes_away_ends_a_watch_that_nobody_sees() {
    let mut host = Host::new();
    let mut child = piped(Apex::of(&host, &["stats", "--watch=60"]));
    let mut text = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut seen = String::new();
    while !seen.contains("READS/S") {
        assert!(text.read_line(&mut seen).expect("UTF-8") > 0, "{seen}");
    }
    host.stop();
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    assert!(rest(child.stderr.take()).contains("cannot be asked"));
}
