//! How it ends, and what it says then.

use std::net::TcpListener;
use std::process::Stdio;

use apex_cache::admin::http::{AdminSettings, random_token};

use super::canned::{Canned, whole};
use super::client::{Host, KEY_MARK};
use super::command::{Apex, Ended};
use super::documents;

/// An address where nobody listens: what was free a moment ago.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

#[test]
fn where_no_admin_is_it_ends_with_three_and_says_where_it_looked() {
    let url = nobody();
    let tasks: [&[&str]; 9] = [
        &["stats"],
        &["stats", "--watch"],
        &["entries"],
        &["events"],
        &["health"],
        &["warm"],
        &["clear", "--all", "--yes"],
        &["set-budget", "50"],
        &["explain", "a"],
    ];
    for task in tasks {
        let ended = Apex::new(task).env("APEX_CACHE_URL", &url).run().expect(3);
        assert!(
            ended.out.is_empty() && ended.err.contains(&url) && ended.err.contains("nobody listens"),
            "{ended:?}"
        );
    }
    let error = Apex::new(&["--json", "stats", "--url", &url]).run().expect(3).error();
    assert_eq!(error["error"]["kind"], "Unreachable");
    let name = Apex::new(&["stats", "--url", "http://nowhere.invalid"]).run().expect(3);
    assert!(name.err.contains("nowhere.invalid"), "{name:?}");
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    // Its thread waits for the client to go away.
    let silent = Canned::new(|_, stream| {
        let _ = std::io::copy(stream, &mut std::io::sink());
        String::new()
    });
    for task in ["stats", "events", "health"] {
        let ended = Apex::new(&[task, "--timeout", "200ms", "--url", &silent.url()]).run().expect(3);
        assert!(ended.err.contains("200.0ms"), "{ended:?}");
    }
    Apex::new(&["stats", "--timeout", "1ms"]).run().expect(2);
}

#[test]
fn a_token_that_is_wrong_or_missing_ends_with_four() {
    let host = Host::new();
    let url = format!("http://{}", host.address);
    let ask = |token: &str, task: &[&str]| -> Ended {
        let apex = Apex::new(task).env("APEX_CACHE_URL", &url);
        if token.is_empty() { apex } else { apex.env("APEX_CACHE_ADMIN_TOKEN", token) }.run()
    };
    let wrong = random_token();
    for task in [&["stats"][..], &["entries"], &["clear", "--all", "--yes"], &["events"]] {
        let ended = ask(&wrong, task).expect(4);
        assert!(ended.out.is_empty() && !ended.err.contains(&wrong), "{ended:?}");
    }
    for task in
        [&["entries"][..], &["explain", "a"], &["clear", "--all", "-y"], &["warm"], &["set-budget", "50"]]
    {
        let ended = ask("", task).expect(4);
        assert!(
            ended.err.contains("APEX_CACHE_ADMIN_TOKEN") && ended.err.contains("--token-file"),
            "{ended:?}"
        );
    }
    let without = Host::without_token();
    let ended =
        Apex::new(&["entries"]).env("APEX_CACHE_URL", &format!("http://{}", without.address)).run().expect(4);
    assert!(ended.err.contains("none is configured"), "{ended:?}");
}

#[test]
fn a_token_is_taken_from_where_nobody_else_sees_it() {
    let host = Host::new();
    let (token, url) = (&host.token, format!("http://{}", host.address));
    let printed = format!("{url}/#token={token}");
    let list = |apex: Apex| {
        let ended = apex.run().expect(0);
        assert!(ended.out.contains(KEY_MARK), "{ended:?}");
    };
    list(Apex::new(&["entries"]).env("APEX_CACHE_URL", &printed));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    for text in [token.clone(), format!("{token}\n"), format!("{printed}\n")] {
        std::fs::write(&file, text).expect("it is written");
        list(Apex::new(&["entries", "--url", &url, "--token-file", "token"]).within(folder.path()));
    }
    let piped = Apex::new(&["entries", "--url", &url, "--token-file", "-"]).run_with(&format!("{token}\n"));
    assert!(piped.expect(0).out.contains(KEY_MARK));
    // An argument can be seen by everybody; it is refused before it is sent, and not repeated.
    let seen = Apex::new(&["entries", "--url", &printed]).run().expect(2);
    assert!(seen.err.contains("APEX_CACHE_URL") && !seen.err.contains(token.as_str()), "{seen:?}");
    assert!(Apex::new(&["entries", "--token", token]).run().expect(2).err.contains("unexpected argument"));
    for (file, words) in [("nowhere", "cannot be read"), ("empty", "no token"), ("binary", "no token")] {
        std::fs::write(folder.path().join("empty"), " \n").expect("it is written");
        std::fs::write(folder.path().join("binary"), "SECRETMARK\u{1b}\u{7}\n").expect("it is written");
        let ended = Apex::new(&["entries", "--token-file", file]).within(folder.path()).run().expect(2);
        assert!(ended.err.contains(words) && !ended.err.contains("SECRETMARK"), "{ended:?}");
    }
}

#[test]
fn the_help_names_what_the_admin_reads() {
    let help = Apex::new(&["--help"]).run().expect(0).out;
    assert!(
        help.contains(AdminSettings::TOKEN_VARIABLE) && help.contains(&AdminSettings::PORT.to_string()),
        "{help}"
    );
}

#[test]
fn what_the_cache_refuses_ends_with_one_and_what_it_cannot_read_with_two() {
    let host = Host::new();
    for task in [
        &["set-ttl", "nowhere", "1h"][..],
        &["warm", "nowhere"],
        &["revive", "nowhere"],
        &["entries", "--tier", "nowhere"],
    ] {
        let ended = Apex::of(&host, task).run().expect(1);
        assert!(ended.err.contains("nowhere") && ended.err.contains("reference"), "{ended:?}");
    }
    for task in [&["explain", "a:::b"][..], &["events", "--kinds", "x"]] {
        let ended = Apex::of(&host, task).run().expect(2);
        assert!(ended.err.starts_with("error: ") && ended.out.is_empty(), "{ended:?}");
    }
    for task in [
        &["set-budget", "0"][..],
        &["set-budget", "x"],
        &["set-ttl", "user", "0"],
        &["set-ttl", "user", "1500ms"],
    ] {
        assert!(Apex::of(&host, task).run().expect(2).err.contains("expected"), "{task:?}");
    }
    let error = Apex::of(&host, &["--json", "set-ttl", "nowhere", "1h"]).run().expect(1).error();
    assert_eq!(error["error"]["kind"], "UnknownTier");
    for url in
        ["https://127.0.0.1", "ftp://127.0.0.1", "http://", "http://ann:SECRETMARK@127.0.0.1", "http://x/?y"]
    {
        let ended = Apex::new(&["stats", "--url", url]).run().expect(2);
        assert!(!ended.err.contains("SECRETMARK"), "{ended:?}");
    }
}

#[test]
fn a_cache_that_is_not_well_ends_with_one() {
    for (health, ready, words) in [
        (r#"{"status":"down"}"#, r#"{"ready":false,"waiting":0}"#, "down"),
        (r#"{"status":"ok"}"#, r#"{"ready":false,"waiting":1}"#, "waits for 1 required warm source"),
    ] {
        let sick = Canned::new(move |head, _| {
            let body = if head.contains("/health") { health } else { ready };
            whole(503, "application/json", body)
        });
        let ended = Apex::new(&["health", "--url", &sick.url()]).run().expect(1);
        assert!(ended.out.contains(words) && ended.err.is_empty(), "{ended:?}");
    }
    let mut ended = Host::new();
    let address = format!("http://{}", ended.address);
    ended.wait(ended.cache.shutdown()).expect("it ends");
    assert!(Apex::new(&["health", "--url", &address]).run().expect(1).out.contains("down"));
    assert_eq!(
        Apex::new(&["--json", "stats", "--url", &address]).run().expect(1).error()["error"]["kind"],
        "Closed"
    );
    ended.stop();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_trouble() {
    let host = Host::new();
    for task in [&["entries"][..], &["--json", "stats"], &["--help"], &["completions", "bash"]] {
        let mut child = Apex::of(&host, task)
            .start(|command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()));
        drop(child.stdout.take());
        let ended = Ended::from(child.wait_with_output().expect("it ends"));
        assert!(ended.err.is_empty(), "{task:?}: {ended:?}");
        assert_eq!(ended.code, Some(0), "{task:?}: {ended:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    let canned = Canned::documents(documents::of);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let child = Apex::new(&["stats", "--url", &canned.url()])
        .start(|command| command.stdout(full).stderr(Stdio::piped()).stdin(Stdio::null()));
    let ended = Ended::from(child.wait_with_output().expect("it ends")).expect(1);
    assert!(ended.err.contains("could not be written"), "{ended:?}");
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = Apex::new(&["completions", shell]).run().expect(0).out;
        assert!(script.contains("set-budget") && script.contains("check-config"), "{shell}");
    }
    Apex::new(&["completions", "cmd"]).run().expect(2);
}
