//! A command from the line to the text: parse, send, audit, show.
//!
//! Owns: the order of these steps. Never: parses or renders itself.

#[cfg(feature = "admin-http")]
use super::audit::AuditEvent;
use super::audit::emit;
use super::set::Change;
use super::{Answer, Command, Style};
use crate::engine::scope::Scope;
use crate::env::Stopwatch;
use crate::error::Result;
use crate::handle::Cache;
#[cfg(feature = "admin-http")]
use crate::message::Invalidated;
use crate::message::{Advice, Explain, Info, Invalidate, ReviveTier, SetEnabled, SetTtl, Stats, Warm};

impl Cache {
    /// Carries out the line that `who` typed and returns the text to show; a line that cannot be carried out is answered
    /// with a sentence that says why, so this never fails.
    ///
    /// The commands are described on [`Command`]. Everybody may do everything: ask [`Command::is_destructive`] first
    /// where that is not so.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) {
    /// println!("{}", cache.command("/cache-clear products:*", "ann").await);
    /// # }
    /// ```
    pub async fn command(&self, line: &str, who: &str) -> String {
        self.command_in(line, who, Style::Emoji).await
    }

    /// As [`Cache::command`], in the given style.
    pub async fn command_in(&self, line: &str, who: &str, style: Style) -> String {
        let answer = match Command::parse(line) {
            Ok(command) => self.run(command, who).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => answer.show(style),
            Err(error) => format!("{error}\n"),
        }
    }

    /// Carries out `command` for `who`; what it changes is told to the audit.
    pub async fn run(&self, command: Command, who: &str) -> Result<Answer> {
        let audit = command.audit(who);
        let began = Stopwatch::start();
        let answer = self.carry_out(command).await;
        if let Some(event) = audit {
            emit(&event.answered(&answer, began.elapsed()), self.life().audit.as_ref());
        }
        answer
    }

    /// Carries out `invalidate` for `who`, and tells the audit unless it only counts.
    #[cfg(feature = "admin-http")]
    pub(crate) async fn take_away(&self, invalidate: Invalidate, who: &str) -> Result<Invalidated> {
        let dry_run = invalidate.dry_run;
        let event = AuditEvent::clear(who, &invalidate.scope);
        let began = Stopwatch::start();
        let taken = self.send(invalidate).await;
        if !dry_run {
            let count = taken.as_ref().map_or(0, |taken| taken.matched);
            let event = event.ended(taken.is_ok(), count, began.elapsed());
            emit(&event, self.life().audit.as_ref());
        }
        taken
    }

    /// Changes a setting; returns what was in force before.
    async fn change(&self, change: &Change) -> Result<Change> {
        Ok(match change {
            Change::Ttl { of, ttl } => {
                Change::Ttl { of: of.clone(), ttl: self.send(SetTtl::new(of.clone(), *ttl)).await? }
            }
            Change::Enabled(enabled) => Change::Enabled(self.send(SetEnabled::new(*enabled)).await?),
            Change::MaxSize(bytes) => Change::MaxSize(self.set_max_size(*bytes).await?),
        })
    }

    async fn carry_out(&self, command: Command) -> Result<Answer> {
        Ok(match command {
            Command::Help => Answer::Help,
            Command::Stats { top } => {
                let (snapshot, advice) = (self.send(Stats).await?, self.send(Advice).await?);
                Answer::Stats { snapshot, top, advice }
            }
            Command::Info => Answer::Info(self.send(Info).await?),
            Command::Explain(key) => Answer::Explained(self.send(Explain::new(key)).await?),
            Command::Clear { scope, dry_run } => {
                let mut invalidate = Invalidate::new(scope.clone());
                invalidate.dry_run = dry_run;
                Answer::Cleared { taken: self.send(invalidate).await?, scope, dry_run }
            }
            Command::ClearUsage => {
                Answer::ClearUsage(self.send(Invalidate::new(Scope::All).dry_run()).await?)
            }
            Command::Warm(scope) => {
                let report = self.send(Warm::new(scope.clone())).await?;
                Answer::Warmed { scope, report }
            }
            Command::Set(now) => {
                let before = self.change(&now).await?;
                Answer::Changed { now, before }
            }
            Command::Forget(user) => Answer::Forgot { gone: self.forget_user(&*user).await?, user },
            Command::Revive(tier) => {
                let was_out = self.send(ReviveTier::new(tier.clone())).await?;
                Answer::Revived { tier, was_out }
            }
        })
    }
}
