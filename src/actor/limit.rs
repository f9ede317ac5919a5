//! How long a caller waits for a load.
//!
//! Owns: which of several limits is the nearest, and what is said when it is over. Never: waits.

use std::time::Duration;

use crate::deadline::Deadline;
use crate::engine::key::Key;
use crate::env::Spawner;
use crate::error::{Error, Shown};

/// How long a caller waits for a load, and whose limit that is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(super) span: Duration,
    whose: Whose,
}

#[derive(Debug, Clone, Copy)]
enum Whose {
    /// The call's own deadline.
    Call,
    /// The deadline in force in the caller's task.
    Task(Deadline),
    /// The `timeout` of the load's terms.
    Terms,
}

impl Limit {
    /// The call's own `deadline` or the `timeout` of the load, but no longer than what is left to the `task` by the clock
    /// of `timers`.
    pub(super) fn of(
        deadline: Option<Duration>,
        task: Option<Deadline>,
        timeout: Duration,
        timers: &Spawner,
    ) -> Self {
        let whose = if deadline.is_some() { Whose::Call } else { Whose::Terms };
        let span = deadline.unwrap_or(timeout);
        match task.map(|task| (task, task.left_by(timers))) {
            Some((task, left)) if left < span => Self { span: left, whose: Whose::Task(task) },
            _ => Self { span, whose },
        }
    }

    /// What is said when it is over.
    pub(super) fn over(self, key: &Key) -> Error {
        match self.whose {
            Whose::Call => Error::Timeout { after: self.span },
            Whose::Task(task) => Error::Timeout { after: task.limit() },
            Whose::Terms => Error::LoadTimeout { key: Shown::new(key.as_str()), after: self.span },
        }
    }

    /// Whether the task's deadline has passed, so that no load should be begun for it.
    pub(super) fn has_passed(self) -> bool {
        self.span.is_zero() && matches!(self.whose, Whose::Task(_))
    }
}
