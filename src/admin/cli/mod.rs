//! The command `apex-cache`: looks into the cache of a running host and steers it, over the host's admin.
//!
//! Owns: the subcommands, what they print, and the exit codes. Never: opens a cache, shows a value (the admin has none to give),
//! takes a token from its arguments, or writes what came from outside to a terminal before it is made harmless.
//!
//! The library has of this one function, which `src/bin/apex-cache.rs` calls. It is a program of its own, with a clock and
//! threads of its own: what is said in `env.rs` for the cache does not hold here.
#![allow(clippy::disallowed_methods)]

mod address;
mod answers;
mod arguments;
mod check;
mod client;
mod confirm;
mod entries;
mod events;
mod explain;
mod failure;
mod frame;
mod health;
mod info;
mod interrupt;
mod out;
mod screen;
mod set;
mod spark;
mod stats;
mod stream;
mod take;
mod warm;
mod warm_report;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use arguments::{Arguments, Task};
use client::Client;
use failure::{Exit, Failure};
use out::Out;

/// Reads the arguments of this process, does what they say, and tells how it went.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let out = Out::new(arguments.json);
    let exit = match run(arguments, &out) {
        Ok(exit) => exit,
        Err(failure) => failure.report(&out),
    };
    exit.into()
}

fn run(arguments: Arguments, out: &Out) -> Result<Exit, Failure> {
    // What needs no host comes first, so that it neither asks for a token nor fails for want of one.
    let (task, host) = match arguments.task {
        Task::CheckConfig(task) => return check::run(&task, out),
        Task::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "apex-cache", &mut script);
            return out::raw(&script).map(|()| Exit::Done);
        }
        task => (task, arguments.host),
    };
    let client = Client::new(&host)?;
    match task {
        Task::Stats(task) => match task.watch {
            Some(seconds) => watch::run(&client, seconds, out),
            None => stats::run(&client, task.top.into(), out),
        },
        Task::Info => info::run(&client, out),
        Task::Entries(task) => entries::run(&client, &task, out),
        Task::Explain { key } => explain::run(&client, &key, out),
        Task::Clear(task) => take::clear(&client, &task, out),
        Task::Forget(task) => take::forget(&client, &task, out),
        Task::Warm { scope } => warm::run(&client, &scope, out),
        Task::SetBudget { size } => set::budget(&client, size, out),
        Task::SetTtl { of, time } => set::ttl(&client, &of, time, out),
        Task::SetEnabled { state } => set::enabled(&client, state, out),
        Task::Reload => set::reload(&client, out),
        Task::Revive { tier } => set::revive(&client, &tier, out),
        Task::Events(task) => events::run(&client, &task, out),
        Task::Health => health::run(&client, out),
        Task::CheckConfig(_) | Task::Completions { .. } => Ok(Exit::Done),
    }
}
