//! The command `apex-cache`, as a process, against a real admin and against servers that only pretend to be one.
//!
//! Owns: what it prints, how it ends, what it sends and to whom. Never: looks inside.

#[path = "admin_cli/canned.rs"]
mod canned;
#[path = "admin_cli/changes.rs"]
mod changes;
#[path = "admin_http/client.rs"]
#[allow(dead_code, reason = "the tests of the admin use the rest")]
mod client;
#[path = "admin_cli/command.rs"]
mod command;
#[path = "admin_cli/config.rs"]
mod config;
#[path = "admin_cli/documents.rs"]
mod documents;
#[path = "admin_cli/exits.rs"]
mod exits;
#[path = "admin_cli/golden.rs"]
mod golden;
#[path = "admin_cli/hostile.rs"]
mod hostile;
#[path = "admin_cli/looks.rs"]
mod looks;
#[path = "admin_cli/streams.rs"]
mod streams;
#[cfg(target_os = "linux")]
#[path = "admin_cli/terminal.rs"]
mod terminal;
