//! Answers that no admin gives: what steers a terminal, what never ends, what is something else.

use std::io::Write as _;

use serde_json::{Value, json};

use super::canned::{Canned, json as answer, whole};
use super::command::{Apex, Ended};
use super::documents;

/// Clears the screen, sets the title, turns what follows around, rings, and begins lines that were never said.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}5m\u{202e}\u{85}\r\nevil\u{0}\u{7f}";

/// The styles that this command uses.
const STYLES: [&str; 6] = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];

const LOOKS: [&[&str]; 6] = [
    &["stats"],
    &["info"],
    &["entries"],
    &["explain", "user::42"],
    &["health"],
    &["clear", "--all", "--dry-run"],
];
const CHANGES: [&[&str]; 8] = [
    &["clear", "a", "--yes"],
    &["forget", "42", "--yes"],
    &["warm"],
    &["set-budget", "50"],
    &["set-ttl", "user", "90s"],
    &["set-enabled", "off"],
    &["revive", "user"],
    &["reload"],
];

fn tasks() -> impl Iterator<Item = &'static [&'static str]> {
    LOOKS.into_iter().chain(CHANGES)
}

/// The document with every text made hostile.
fn poisoned(document: &Value) -> Value {
    match document {
        Value::String(text) => json!(format!("{text}{HOSTILE}")),
        Value::Array(list) => list.iter().map(poisoned).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), poisoned(value))).collect(),
        other => other.clone(),
    }
}

fn harmless(ended: &Ended, what: &[&str]) {
    let all = format!("{}{}", ended.out, ended.err);
    let plain = STYLES.iter().fold(all.clone(), |text, style| text.replace(style, ""));
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!plain.contains(steers), "{what:?}: {all:?}");
    // A line break of somebody else would let them speak with our voice.
    assert!(!all.lines().any(|line| line.starts_with("evil")), "{what:?}: {all:?}");
}

#[test]
fn nothing_that_comes_from_outside_steers_a_terminal() {
    let server = Canned::documents(|path| poisoned(&documents::of(path)));
    for task in tasks() {
        for more in [&[][..], &["--json"]] {
            let arguments = [task, more].concat();
            let ended =
                Apex::new(&arguments).env("APEX_CACHE_URL", &server.url()).env("CLICOLOR_FORCE", "1").run();
            // Of the word for its health people are told only whether it is the good one.
            assert!(ended.out.contains("evil") || arguments == ["health"], "{arguments:?}: {ended:?}");
            harmless(&ended, &arguments);
        }
    }
    let refusal = json!({ "error": { "kind": HOSTILE, "message": HOSTILE } }).to_string();
    let refuses = Canned::new(move |_, _| whole(409, "application/json", &refusal));
    for task in tasks() {
        let ended =
            Apex::new(task).env("APEX_CACHE_URL", &refuses.url()).env("CLICOLOR_FORCE", "1").run().expect(1);
        assert!(ended.err.contains("evil"), "{ended:?}");
        harmless(&ended, task);
    }
}

#[test]
fn events_that_are_hostile_are_shown_harmless() {
    let told = json!({ "tier": HOSTILE, "key": HOSTILE, "cause": HOSTILE, "kind": HOSTILE, "age_s": -1, "size": "x" });
    let text = ["removed", "loaded", "load_failed", "cleared", "missed", "new\u{1b}[2J"]
        .map(|kind| format!("event: {kind}\ndata: {told}\n\n"))
        .concat();
    let stream = format!("{text}event: ended\ndata: {{}}\n\n");
    let server = Canned::new(move |_, _| whole(200, "text/event-stream", &stream));
    for more in [&[][..], &["--json"]] {
        let arguments = [&["events"], more].concat();
        let ended = Apex::new(&arguments).env("APEX_CACHE_URL", &server.url()).run().expect(0);
        assert_eq!(ended.out.lines().count(), 6, "{ended:?}");
        harmless(&ended, &arguments);
    }
}

#[test]
fn counters_that_are_watched_are_shown_harmless() {
    let stats = poisoned(&documents::stats());
    let stream = format!("event: stats\ndata: {stats}\n\n").repeat(2) + "event: ended\ndata: {}\n\n";
    let server = Canned::new(move |_, _| whole(200, "text/event-stream", &stream));
    for more in [&[][..], &["--json"]] {
        let arguments = [&["stats", "--watch"], more].concat();
        let ended = Apex::new(&arguments).env("APEX_CACHE_URL", &server.url()).run().expect(1);
        assert!(ended.out.contains("evil"), "{ended:?}");
        harmless(&ended, &arguments);
    }
}

#[test]
fn numbers_that_no_cache_has_are_shown_and_break_nothing() {
    let mut stats = documents::stats();
    stats["uptime_s"] = json!(-1e300);
    stats["budget"] = json!(0);
    stats["hits"] = json!(u64::MAX);
    stats["misses"] = json!(u64::MAX);
    for field in ["hits", "misses", "sets", "joined"] {
        stats["tiers"][0][field] = json!(u64::MAX);
        stats["tiers"][1][field] = json!(u64::MAX);
    }
    stats["tiers"][0]["loads"]["time_s"] = json!(1e300);
    stats["tiers"][0]["loads"]["failed"] = json!(u64::MAX);
    stats["tiers"][0]["loads"]["panicked"] = json!(u64::MAX);
    let later = {
        let mut later = stats.clone();
        later["uptime_s"] = json!(1e300);
        later
    };
    let event =
        format!("event: stats\ndata: {stats}\n\nevent: stats\ndata: {later}\n\nevent: ended\ndata: {{}}\n\n");
    let server = Canned::new(move |head, _| {
        if head.contains("/api/events") { whole(200, "text/event-stream", &event) } else { answer(&stats) }
    });
    Apex::new(&["stats", "--url", &server.url()]).run().expect(0);
    let watched = Apex::new(&["stats", "--watch=1", "--url", &server.url()]).run().expect(1);
    assert_eq!(watched.out.matches("Hit rate").count(), 2, "{watched:?}");
    assert!(watched.err.contains("the cache has ended"), "{watched:?}");
}

#[test]
fn what_is_no_admin_is_told_from_one() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answers = [
        whole(200, "text/html", "<html>hello</html>"),
        whole(200, "application/json", "{}"),
        whole(200, "application/json", "null"),
        whole(200, "application/json", "[1]"),
        whole(200, "application/json", &deep),
        whole(200, "application/json", r#"{"uptime_s":"x","tiers":7}"#),
        whole(204, "application/json", ""),
        whole(301, "application/json", "{}"),
        whole(404, "text/html", "<h1>nothing</h1>"),
        whole(500, "application/json", r#"{"error":"x"}"#),
        whole(200, "application/json", "\u{0}"),
        "HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\n{".to_owned() + &" ".repeat(499),
        "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(),
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
        format!("HTTP/1.1 200 X\r\n{}\r\n", "X-Y: z\r\n".repeat(100_000)),
        format!("HTTP/1.1 200 {}", "X".repeat(1_000_000)),
    ];
    for text in answers {
        let shown: String = text.chars().take(60).collect();
        let server = Canned::new(move |_, _| text.clone());
        for task in ["stats", "events", "health", "warm"] {
            let ended = Apex::new(&[task, "--timeout", "5s", "--url", &server.url()]).run();
            assert_eq!((ended.code, &*ended.out), (Some(3), ""), "{task}, {shown}: {ended:?}");
            assert!(ended.err.contains(&server.url()), "{task}, {shown}: {ended:?}");
        }
    }
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let endless = |kind: &'static str, piece: &'static str| {
        Canned::new(move |_, stream| {
            let head =
                format!("HTTP/1.1 200 X\r\nContent-Type: {kind}\r\nContent-Length: 1000000000000\r\n\r\n");
            let mut going = stream.write_all(head.as_bytes());
            let piece = piece.repeat(4_096);
            while going.is_ok() {
                going = stream.write_all(piece.as_bytes());
            }
            String::new()
        })
    };
    let ended =
        Apex::new(&["stats", "--url", &endless("application/json", "[[[[[[[[").url()]).run().expect(3);
    assert!(ended.err.contains("more than 16777216 bytes"), "{ended:?}");
    let stream = endless("text/event-stream", "data: x\n");
    for task in [&["events"][..], &["stats", "--watch"]] {
        let ended = Apex::new(task).env("APEX_CACHE_URL", &stream.url()).run().expect(3);
        assert!(ended.err.contains("more than 1048576 bytes"), "{ended:?}");
    }
}

#[test]
fn the_token_goes_to_nobody_else() {
    const TOKEN: &str = "TOKENMARK-0f1e2d3c4b5a";
    let other = Canned::documents(documents::of);
    let there = other.url();
    let moved = Canned::new(move |_, _| {
        format!("HTTP/1.1 307 X\r\nLocation: {there}/api/stats\r\nContent-Length: 0\r\n\r\n")
    });
    let ask = |task: &str, url: &str| {
        Apex::new(&[task, "--url", url])
            .env("APEX_CACHE_ADMIN_TOKEN", TOKEN)
            .env("HTTP_PROXY", &other.url())
            .run()
    };
    for task in ["stats", "events", "warm"] {
        ask(task, &moved.url()).expect(3);
    }
    assert!(moved.asked().iter().all(|head| head.contains(TOKEN)), "{:?}", moved.asked());
    // Not by a redirection, and not as a proxy either.
    assert!(other.asked().is_empty(), "{:?}", other.asked());
}
