//! A console for whoever runs the host: lines are typed, panels are shown, changes are confirmed and audited.
//!
//! Run: `cargo run --example admin_commands -- [--plain]`
//!      Type /cache-help, /cache-stats, /cache-clear user:*, /cache-warm config; quit or Ctrl-D ends it.
//! Look at: `is_destructive`, by which the host asks before anything is taken away; the dry run, which tells how much
//! that would be; `.audit(..)`, which learns who did what.

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apex_cache::admin::{Command, Style};
use apex_cache::{Cache, Key, WarmEntries, WarmSource};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

/// What this console has done.
#[derive(Default)]
struct Tally {
    changes: u64,
    called_off: u64,
}

struct Console {
    cache: Cache,
    who: String,
    style: Style,
    typed: Lines<BufReader<Stdin>>,
}

impl Console {
    /// Carries out what is typed until there is no more.
    async fn run(&mut self) -> Result<Tally, Box<dyn Error>> {
        let mut tally = Tally::default();
        while let Some(line) = self.ask("> ").await? {
            match line.trim() {
                "" => {}
                "quit" => break,
                line => self.carry_out(line, &mut tally).await?,
            }
        }
        Ok(tally)
    }

    async fn carry_out(&mut self, line: &str, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        // Whatever cannot be carried out is a sentence for the person, and no reason to end.
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(error) => {
                println!("{error}");
                return Ok(());
            }
        };
        if command.is_destructive() && !self.confirmed(&command).await? {
            tally.called_off += 1;
            println!("called off, nothing was removed");
            return Ok(());
        }
        let audited = command.audit(self.who.as_str()).is_some();
        match self.cache.run(command, &self.who).await {
            Ok(answer) => print!("{}", answer.show(self.style)),
            Err(error) => println!("{error}"),
        }
        tally.changes += u64::from(audited);
        Ok(())
    }

    /// Says what would be taken, and asks.
    async fn confirmed(&mut self, command: &Command) -> Result<bool, Box<dyn Error>> {
        if let Some(scope) = command.scope().cloned() {
            match self.cache.run(Command::Clear { scope, dry_run: true }, &self.who).await {
                Ok(preview) => print!("{}", preview.show(self.style)),
                Err(error) => println!("{error}"),
            }
        }
        Ok(self.ask("go on? (yes/no) ").await?.is_some_and(|answer| answer.trim() == "yes"))
    }

    /// The next line that is typed, after showing `prompt`; `None` at the end.
    async fn ask(&mut self, prompt: &str) -> std::io::Result<Option<String>> {
        print!("{prompt}");
        std::io::stdout().flush()?;
        let line = self.typed.next_line().await?;
        // What comes from a pipe is not on the screen yet.
        println!("{}", line.as_deref().unwrap_or_default());
        Ok(line)
    }
}

fn roles() -> WarmSource {
    WarmSource::new("roles", "config", |_run| async {
        WarmEntries::new().with("config::roles", &["admin", "guest"])?.with("config::limits", &100_u32)
    })
    .required()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let style = match std::env::args().nth(1).as_deref() {
        None => Style::Emoji,
        Some("--plain") => Style::Plain,
        Some(other) => return Err(format!("there is no option {other}; there is --plain").into()),
    };
    let audited = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&audited);
    let cache = Cache::builder()
        .warm(roles())
        .audit(move |event| {
            heard.fetch_add(1, Ordering::Relaxed);
            println!("[audit] {} did {} {}: {} entries", event.who, event.what, event.scope, event.count);
        })
        .start()
        .await?;
    cache.ready().await?;
    fill(&cache).await?;

    let who = std::env::var("USER").unwrap_or_else(|_| "operator".into());
    let typed = BufReader::new(tokio::io::stdin()).lines();
    let tally = Console { cache: cache.clone(), who, style, typed }.run().await?;

    let heard = audited.load(Ordering::Relaxed);
    println!(
        "{} changes were made, {} called off; the audit heard of {heard}",
        tally.changes, tally.called_off
    );
    cache.shutdown().await?;
    if heard == tally.changes { Ok(()) } else { Err("a change went past the audit".into()) }
}

/// Something to look at.
async fn fill(cache: &Cache) -> apex_cache::Result<()> {
    for user in 1..=20_u32 {
        cache.set(Key::of("user").part(user).part("profile").finish()?, &format!("user {user}")).await?;
        cache.set(Key::of("products").part(user).finish()?, &(user * 100)).await?;
    }
    for user in 1..=5_u32 {
        for _ in 0..user {
            cache.get::<String>(Key::of("user").part(user).part("profile").finish()?).await?;
        }
    }
    Ok(())
}
