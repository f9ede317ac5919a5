//! A command from the line to the text: parse, send, audit, show.
//!
//! Owns: the order of these steps. Never: parses or renders itself.

use super::audit::{AuditEvent, Audited};
use super::{Answer, Command, Style};
use crate::engine::scope::Scope;
use crate::error::Result;
use crate::handle::Cache;
#[cfg(feature = "admin-http")]
use crate::message::Invalidated;
use crate::message::{Advice, Info, Invalidate, Reload, Reloaded, ReviveTier, Stats, Warm};

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

    /// Carries out `command` for `who`; what it changes is told to the audit, also when you stop waiting.
    pub async fn run(&self, command: Command, who: &str) -> Result<Answer> {
        let audited = Audited::begin(command.audit(who), self.life().audit.as_ref());
        let answer = self.carry_out(command).await;
        audited.end(|event, took| event.answered(&answer, took));
        answer
    }

    /// Carries out `invalidate` for `who`, and tells the audit unless it only counts.
    #[cfg(feature = "admin-http")]
    pub(crate) async fn take_away(&self, invalidate: Invalidate, who: &str) -> Result<Invalidated> {
        let event = (!invalidate.dry_run).then(|| AuditEvent::clear(who, &invalidate.scope));
        let audited = Audited::begin(event, self.life().audit.as_ref());
        let taken = self.invalidate_typed(invalidate).await;
        let count = taken.as_ref().map_or(0, |taken| taken.matched);
        audited.end(|event, took| event.ended(taken.is_ok(), count, took));
        taken
    }

    /// Has the settings read again for `who`, and tells the audit.
    pub(crate) async fn reload_audited(&self, reload: Reload, who: &str) -> Result<Reloaded> {
        let audited = Audited::begin(Some(AuditEvent::reload(who)), self.life().audit.as_ref());
        let reloaded = self.send(reload).await;
        audited.end(|event, took| match &reloaded {
            Ok(reloaded) => event.reloaded(reloaded, took),
            Err(_) => event.ended(false, 0, took),
        });
        reloaded
    }

    async fn carry_out(&self, command: Command) -> Result<Answer> {
        Ok(match command {
            Command::Help => Answer::Help,
            Command::Stats { top } => {
                let (snapshot, advice) = (self.send(Stats).await?, self.send(Advice).await?);
                Answer::Stats { snapshot, top, advice }
            }
            Command::Info => Answer::Info(self.send(Info).await?),
            Command::Explain(key) => Answer::Explained(self.explain_typed(key).await?),
            Command::Clear { scope, dry_run } => {
                let mut invalidate = Invalidate::new(scope.clone());
                invalidate.dry_run = dry_run;
                Answer::Cleared { taken: self.invalidate_typed(invalidate).await?, scope, dry_run }
            }
            Command::ClearUsage => {
                Answer::ClearUsage(self.send(Invalidate::new(Scope::All).dry_run()).await?)
            }
            Command::Warm(scope) => {
                let report = self.send(Warm::new(scope.clone())).await?;
                Answer::Warmed { scope, report }
            }
            Command::Set(now) => {
                let before = self.wiring().post_change(now.clone()).await?.of(&now);
                Answer::Changed { now, before }
            }
            Command::Reload => Answer::Reloaded(self.send(Reload::new()).await?),
            Command::Forget(user) => Answer::Forgot { gone: self.forget_user(&*user).await?, user },
            Command::Revive(tier) => {
                let was_out = self.send(ReviveTier::new(tier.clone())).await?;
                Answer::Revived { tier, was_out }
            }
        })
    }
}
