//! On a real terminal: a picture that is drawn in place and leaves no trace, questions, bars, colours.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::json;

use super::canned::{Canned, json as answer, whole};
use super::client::Host;
use super::command::Apex;

const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// A process with a terminal of 80 columns as all of its streams.
struct Terminal {
    child: Child,
    side: File,
    seen: String,
}

impl Terminal {
    fn new(apex: Apex) -> Self {
        let side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&side).and_then(|()| unlockpt(&side)).expect("it is ours");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&side, size).expect("it has a size");
        let name = ptsname(&side, Vec::new()).expect("it has a name");
        let other = || -> OwnedFd {
            rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
                .expect("it opens")
        };
        let child = apex.start(|command| command.stdin(other()).stdout(other()).stderr(other()));
        Self { child, side: side.into(), seen: String::new() }
    }

    /// Reads until `words` have come, behind what was read before.
    fn until(&mut self, words: &str) -> String {
        let from = self.seen.len();
        while !self.seen[from..].contains(words) {
            assert!(self.more(), "{words} never came: {}", self.seen);
        }
        self.seen[from..].to_owned()
    }

    /// Reads more; `false` when the other side is closed.
    fn more(&mut self) -> bool {
        let mut buffer = [0; 4_096];
        match self.side.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                // What is drawn comes in whole characters but may be read in parts of them.
                self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
                true
            }
        }
    }

    fn types(&mut self, text: &str) {
        self.side.write_all(text.as_bytes()).expect("it is open");
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it is ours");
    }

    /// How it ended, and all that it wrote.
    fn end(mut self) -> (Option<i32>, String) {
        while self.more() {}
        (self.child.wait().expect("it ends").code(), self.seen)
    }
}

#[test]
fn watched_counters_are_drawn_in_place_and_the_terminal_is_given_back() {
    let host = Host::new();
    let mut terminal = Terminal::new(Apex::of(&host, &["stats", "--watch=1"]));
    terminal.until("Ctrl-C ends it");
    terminal.until("now, ");
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen:?}");
    let (before, rest) = seen.split_once(ENTER).expect("it takes the other screen");
    let (drawn, after) = rest.split_once(LEAVE).expect("it gives the screen back");
    assert!(before.is_empty(), "{before:?}");
    assert!(drawn.matches("\u{1b}[H").count() >= 2 && drawn.contains("\u{1b}[1m"), "{drawn:?}");
    // The last picture stays, and nothing in it moves the cursor.
    assert!(after.contains("READS/S") && !after.contains("Ctrl-C"), "{after:?}");
    assert!(!after.contains("\u{1b}[H") && !after.contains("\u{1b}[?"), "{after:?}");
}

#[test]
fn a_host_that_goes_away_is_waited_for_in_the_picture() {
    let mut host = Host::new();
    let mut terminal = Terminal::new(Apex::of(&host, &["stats", "--watch=1"]));
    terminal.until("READS/S");
    host.stop();
    terminal.until("nothing has come for");
    terminal.until("nobody listens there");
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert!(code == Some(0) && seen.contains(LEAVE), "{seen:?}");
}

#[test]
fn no_color_is_heeded_and_the_picture_is_still_drawn_in_place() {
    let host = Host::new();
    let styled = |seen: &str| seen.replace("\u{1b}[H", "").contains("\u{1b}[1m");
    let mut terminal = Terminal::new(Apex::of(&host, &["stats", "--watch=1"]).env("NO_COLOR", "1"));
    terminal.until("now, ");
    terminal.interrupt();
    let (_, seen) = terminal.end();
    assert!(seen.contains(ENTER) && seen.contains(LEAVE) && !styled(&seen), "{seen:?}");
    for task in ["stats", "info", "entries"] {
        let (_, coloured) = Terminal::new(Apex::of(&host, &[task])).end();
        let (_, plain) = Terminal::new(Apex::of(&host, &[task]).env("NO_COLOR", "1")).end();
        assert!(coloured.contains('\u{1b}') && !plain.contains('\u{1b}'), "{coloured:?} {plain:?}");
        assert!(!Apex::of(&host, &[task]).run().expect(0).out.contains('\u{1b}'), "{task} into a pipe");
    }
}

#[test]
fn sentences_are_broken_between_words() {
    let (code, seen) =
        Terminal::new(Apex::new(&["stats", "--url", "http://127.0.0.1:1"]).env("NO_COLOR", "1")).end();
    let lines: Vec<_> = seen.lines().collect();
    assert!(code == Some(3) && lines.len() > 1, "{seen:?}");
    assert!(lines.iter().all(|line| line.len() <= 80), "{seen:?}");
    assert!(lines.join(" ").contains("is the host running, with its admin started?"), "{seen:?}");
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_is_sent_lines() {
    let host = Host::new();
    let mut terminal = Terminal::new(Apex::of(&host, &["stats", "--watch=1"]).env("TERM", "dumb"));
    terminal.until("READS/S");
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert!(code == Some(0) && !seen.contains('\u{1b}'), "{seen:?}");
}

#[test]
fn before_anything_is_taken_the_person_is_asked() {
    let host = Host::new();
    let entries = || {
        let stats = host.wait(host.cache.stats()).expect("it answers");
        stats.tiers.iter().map(|tier| tier.stats.entries).sum::<u64>()
    };
    for (line, code, left) in [("n\n", 1, 6), ("\n", 1, 6), ("yesterday\n", 1, 6), ("y\n", 0, 1)] {
        let mut terminal = Terminal::new(Apex::of(&host, &["clear", "products:*"]));
        let asked = terminal.until("[y/N] ");
        assert!(asked.contains("products:* would take 5 entries"), "{asked:?}");
        terminal.types(line);
        assert_eq!(terminal.end().0, Some(code), "{line:?}");
        assert_eq!(entries(), left, "{line:?}");
    }
    let mut terminal = Terminal::new(Apex::of(&host, &["forget", "42"]));
    terminal.until("[y/N] ");
    terminal.types("yes\n");
    let (code, seen) = terminal.end();
    assert!(code == Some(0) && seen.contains("0 entries left"), "{seen:?}");
}

#[test]
fn a_token_can_be_typed_and_is_not_shown() {
    let host = Host::new();
    let url = format!("http://{}", host.address);
    let mut terminal = Terminal::new(Apex::new(&["entries", "--url", &url, "--token-file", "-"]));
    terminal.until("Token: ");
    // What is typed before the terminal stops to show it is thrown away.
    while tcgetattr(&terminal.side).expect("a terminal").local_modes.contains(LocalModes::ECHO) {
        std::thread::yield_now();
    }
    terminal.types(&format!("{}\n", host.token));
    let (code, seen) = terminal.end();
    assert!(code == Some(0) && seen.contains("KEY") && !seen.contains(&host.token), "{seen:?}");
}

/// An admin whose source reads for a while, then hands over, then has ended: as often as it is looked at.
fn slow_source() -> Canned {
    let looks = AtomicU32::new(0);
    let source = |runs: u32, running: bool, done: u32, of: u32| {
        json!({ "running": running, "sources": [{
            "source": "catalog", "tier": "reference", "runs": runs, "failures": 0, "stored": runs * 1_200, "running": running,
            "done": done, "of": of, "last_took_s": 0.5, "last_error": null,
        }] })
    };
    Canned::new(move |head, _| {
        if head.starts_with("POST") {
            return whole(202, "application/json", r#"{"running":true,"stored":null,"sources":[]}"#);
        }
        answer(&match looks.fetch_add(1, SeqCst) {
            0 => source(3, false, 0, 0),
            1..4 => source(3, true, 0, 0),
            4..8 => source(3, true, 600, 1_200),
            _ => source(4, false, 0, 0),
        })
    })
}

#[test]
fn a_warm_run_shows_how_far_it_is_and_then_what_it_came_to() {
    let server = slow_source();
    let mut terminal = Terminal::new(Apex::new(&["warm", "--url", &server.url()]));
    terminal.until("reads its source");
    terminal.until("600 of 1,200");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen:?}");
    assert!(seen.contains("stored ") && seen.contains("1,200 entries in 500.0ms"), "{seen:?}");
    // Into a pipe there are no bars.
    let piped = Apex::new(&["warm", "--url", &slow_source().url()]).run().expect(0);
    assert_eq!(
        piped.out,
        "all tiers: stored 1,200 entries from 1 source\n  catalog (reference): 1,200 entries in 500.0ms\n"
    );
    assert!(piped.err.is_empty(), "{piped:?}");
}

#[test]
fn a_warm_run_that_is_left_goes_on_and_says_so() {
    let forever = Canned::new(|head, _| {
        let source = r#"{"source":"catalog","tier":"reference","runs":0,"failures":0,"stored":0,"running":true,"done":0,"of":0,
                         "last_took_s":null,"last_error":null}"#;
        let sources = if head.starts_with("POST") { String::new() } else { source.to_owned() };
        whole(202, "application/json", &format!(r#"{{"running":true,"stored":null,"sources":[{sources}]}}"#))
    });
    let mut terminal = Terminal::new(Apex::new(&["warm", "--url", &forever.url()]));
    terminal.until("reads its source");
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert!(code == Some(130) && seen.contains("the run goes on in the host"), "{seen:?}");
}
