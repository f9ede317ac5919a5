//! Ctrl-C, and the other ways in which a process is asked to end.
//!
//! Owns: that whoever waits learns of it at once. Never: ends the process by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::SyncSender;

use super::failure::{Exit, Failure};

/// Set once somebody asked for the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C no longer ends the process; it is noted here, and `wake` is sent what it says. Once in a process.
    pub(super) fn watch<T: Send + 'static>(wake: SyncSender<T>, message: fn() -> T) -> Result<Self, Failure> {
        let interrupt = Self::default();
        let noted = interrupt.clone();
        let handler = move || {
            noted.0.store(true, SeqCst);
            // A full channel wakes its reader anyway.
            let _ = wake.try_send(message());
        };
        let set = ctrlc::set_handler(handler);
        set.map_err(|error| {
            Failure::new(Exit::Refused, "Signals", format!("Ctrl-C cannot be heeded here: {error}"))
        })?;
        Ok(interrupt)
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(SeqCst)
    }
}
