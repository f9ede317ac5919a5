//! What people type and read: commands, panels, and the record of who changed what.
//!
//! Owns: the grammar of `/cache-*` lines, the text of every panel, audit events. Never: sends a message or waits.
//! [`Cache::command`](crate::Cache::command) puts the steps together: parse, send, audit, show.

mod advice_panel;
pub mod audit;
#[cfg(feature = "cli")]
#[doc(hidden)] // for src/bin/apex-cache.rs alone
pub mod cli;
pub mod command;
mod entries;
mod explain_panel;
#[cfg(feature = "admin-http")]
pub mod http;
mod info_panel;
pub mod render;
mod run;
mod set;
mod stats_panel;
mod text;
mod typed;

pub use advice_panel::advice_panel;
pub use audit::{AuditAction, AuditEvent, AuditSink};
pub use command::Command;
pub use entries::{Entries, EntryLine, EntryPage, EntrySort, EntryState};
pub use explain_panel::explain_panel;
pub use info_panel::info_panel;
pub use render::{Answer, Style};
pub use stats_panel::{stats_panel, stats_panel_top};

pub use crate::message::Change;
