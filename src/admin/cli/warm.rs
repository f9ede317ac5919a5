//! `warm`: runs warm sources and shows how far they are.
//!
//! Owns: the wait for their end. Never: ends a run; it is the host's, and goes on when nobody watches.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::answers::{Source, WarmReport, Warming};
use super::client::{Answer, Client};
use super::failure::{Exit, Failure};
use super::interrupt::Interrupt;
use super::out::Out;
use super::warm_report::{self, all_well, between};

/// Pause between two looks at how far it is.
const LOOK_EACH: Duration = Duration::from_millis(150);
/// Looks in a row that find nothing under way before a run that was said to go on counts as ended: between two users of one
/// source nothing runs for a moment.
const IDLE_LOOKS: u32 = 5;

/// What is shown of a run that reads its source, and so has told no number yet, and of one that hands over what it read.
const READS: &str = "{spinner} {msg:16} reads its source  {elapsed}";
const STORES: &str = "{spinner} {msg:16} [{bar:30}] {human_pos} of {human_len}  {elapsed}";

enum News {
    Answered(Result<Answer<WarmReport>, Failure>),
    Interrupted,
}

pub(super) fn run(client: &Client, scope: &str, out: &Out) -> Result<Exit, Failure> {
    let scope = scope.strip_prefix("tier:").unwrap_or(scope);
    let look = || client.get::<Warming>("/api/warm", &[]).map(|answer| in_scope(answer.read.sources, scope));
    let before = look()?;
    let (send, news) = sync_channel(4);
    let interrupt = Interrupt::watch(send.clone(), || News::Interrupted)?;
    ask(client, scope, send);
    let mut bars = Bars::new(out);
    let report = match wait(&news, &interrupt, &mut bars, &look)? {
        Wait::Interrupted => {
            bars.leave();
            return Err(Failure::new(
                Exit::Interrupted,
                "Interrupted",
                "ended by Ctrl-C; the run goes on in the host",
            ));
        }
        Wait::Told(report) => report,
        Wait::Seen(after) => between(&before, &after),
    };
    bars.end();
    out.show(&warm_report::document(&report), || warm_report::panel(&report, scope, out))?;
    Ok(if all_well(&report) { Exit::Done } else { Exit::Refused })
}

fn in_scope(sources: Vec<Source>, scope: &str) -> Vec<Source> {
    sources.into_iter().filter(|source| scope == "all" || source.tier == scope).collect()
}

/// Has a thread give the order: the admin holds its answer back for a while, in case the run is short.
fn ask(client: &Client, scope: &str, send: SyncSender<News>) {
    let (client, body) = (client.clone(), json!({ "scope": scope }));
    thread::spawn(move || {
        let _ = send.send(News::Answered(client.post("/api/warm", &body)));
    });
}

/// How the wait ended.
enum Wait {
    /// With the report of the admin.
    Told(WarmReport),
    /// With what was seen last.
    Seen(Vec<Source>),
    Interrupted,
}

fn wait(
    news: &Receiver<News>,
    interrupt: &Interrupt,
    bars: &mut Bars<'_>,
    look: &dyn Fn() -> Result<Vec<Source>, Failure>,
) -> Result<Wait, Failure> {
    let (mut answered, mut idle) = (false, 0);
    loop {
        match news.recv_timeout(LOOK_EACH).ok() {
            Some(News::Answered(Err(failure))) => return Err(failure),
            Some(News::Answered(Ok(answer))) if !answer.read.running => return Ok(Wait::Told(answer.read)),
            Some(News::Answered(Ok(_))) => answered = true,
            Some(News::Interrupted) | None => {}
        }
        if interrupt.is_set() {
            return Ok(Wait::Interrupted);
        }
        let sources = look()?;
        bars.show(&sources);
        idle = if sources.iter().any(|source| source.running) { 0 } else { idle + 1 };
        if answered && idle >= IDLE_LOOKS {
            return Ok(Wait::Seen(sources));
        }
    }
}

/// A bar for each source that runs, on a terminal.
struct Bars<'o> {
    all: Option<MultiProgress>,
    bars: Vec<(String, ProgressBar)>,
    out: &'o Out,
}

impl<'o> Bars<'o> {
    fn new(out: &'o Out) -> Self {
        let seen = !out.json && std::io::stderr().is_terminal();
        Self { all: seen.then(MultiProgress::new), bars: Vec::new(), out }
    }

    fn show(&mut self, sources: &[Source]) {
        let Some(all) = &self.all else { return };
        for source in sources {
            let known = self.bars.iter().position(|(name, _)| *name == source.source);
            let place = match known {
                Some(place) => place,
                None if source.running => {
                    let bar = all.add(ProgressBar::new(0).with_style(self.style(READS)));
                    bar.set_message(self.out.shown(&source.source));
                    bar.enable_steady_tick(LOOK_EACH);
                    self.bars.push((source.source.clone(), bar));
                    self.bars.len() - 1
                }
                None => continue,
            };
            let bar = &self.bars[place].1;
            match (source.running, source.of) {
                (false, _) => bar.finish(),
                (true, 0) => {}
                (true, of) => {
                    bar.set_style(self.style(STORES));
                    bar.set_length(of);
                    bar.set_position(source.done);
                }
            }
        }
    }

    fn style(&self, template: &str) -> ProgressStyle {
        let (signs, ticks) =
            if self.out.unicode() { ("█░", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ") } else { ("#.", "|/-\\ ") };
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars(signs)
            .tick_chars(ticks)
    }

    /// Lets the bars stand as they are. The terminal has written its ^C behind them, so what is drawn now would be in the
    /// wrong place.
    fn leave(&self) {
        if let Some(all) = &self.all {
            all.set_draw_target(ProgressDrawTarget::hidden());
            let _ = writeln!(std::io::stderr());
        }
    }

    /// Takes the bars away: the report stands in their place.
    fn end(&self) {
        // Or they would be drawn once more.
        self.bars.iter().for_each(|(_, bar)| bar.disable_steady_tick());
        if let Some(all) = &self.all {
            let _ = all.clear();
        }
    }
}
