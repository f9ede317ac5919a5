//! The core: keys, patterns, scopes and routes, decided by pure and synchronous code.
//!
//! Owns: what a key is, which keys a scope takes, and which tier a key belongs to.
//! Never: knows an actor, a runtime, a log, a clock or any input and output; time and randomness are arguments.

pub mod key;
mod params;
pub mod pattern;
pub mod route;
pub mod scope;
