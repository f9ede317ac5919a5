//! Where work is done: threads that read, tasks of a host that write.
//!
//! Owns: starting all at the same moment, and what each operation took. Never: knows what is done.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::task::LocalSet;

use crate::Failure;
use crate::contestant::{Done, Entrant, Work};

/// Worker threads of a host.
pub const WORKERS: usize = 2;

/// A runtime as a host has one.
///
/// Errors: a sentence, when the machine gives no threads.
pub fn start() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?)
}

/// A thread that does what it is given, and on which a cache of ours can live.
#[derive(Debug)]
pub struct OneThread {
    runtime: Runtime,
    local: LocalSet,
}

impl OneThread {
    /// Errors: a sentence, when the machine gives none.
    pub fn start() -> Result<Self, Failure> {
        Ok(Self { runtime: Builder::new_current_thread().enable_all().build()?, local: LocalSet::new() })
    }

    /// Drives `work`, and all else on this thread, until it is done.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.local.block_on(&self.runtime, work)
    }
}

/// Does each piece of `work` in a thread of its own, all at the same time.
///
/// Errors: those of the work.
pub fn on_threads(entrant: &Entrant, work: &[Work]) -> Result<Vec<Done>, Failure> {
    let gate = Barrier::new(work.len());
    each(work, |piece, runtime| runtime.block_on(entrant.run_with(piece, &gate)))
}

/// Calls `act` for each of `parts` in a thread of its own, with a runtime for it.
///
/// Errors: those of `act`.
pub fn each<W: Sync, R: Send>(
    parts: &[W],
    act: impl Fn(&W, &Runtime) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    let act = &act;
    let run = |part| act(part, &Builder::new_current_thread().enable_all().build()?);
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts.iter().map(|part| scope.spawn(move || run(part))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?).collect()
    })
}

/// Does each piece of `work` in a task of `host`, all at the same time.
///
/// Errors: those of the work.
pub fn in_tasks(host: &Runtime, entrant: &Entrant, work: Vec<Work>) -> Result<Vec<Done>, Failure> {
    let gate = Arc::new(Barrier::new(work.len()));
    host.block_on(async {
        let start = |piece: Work| {
            let (entrant, gate) = (entrant.clone(), Arc::clone(&gate));
            tokio::spawn(async move { entrant.run_with(&piece, &gate).await })
        };
        let tasks: Vec<_> = work.into_iter().map(start).collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await??);
        }
        Ok(done)
    })
}

/// Gives the calling thread the lowest priority, for the rest of its life.
///
/// Errors: a sentence, where threads have no priority of their own or the command `renice` is missing.
pub fn lower_priority() -> Result<(), Failure> {
    let thread = std::fs::read_link("/proc/thread-self")
        .map_err(|error| format!("the number of a thread is found on Linux alone ({error})"))?;
    let number = thread.file_name().ok_or("a thread has no number")?;
    let told =
        Command::new("renice").args(["-n", "19", "-p"]).arg(number).output().map_err(|error| {
            format!("renice could not be run ({error}); Debian: apt-get install bsdutils")
        })?;
    if told.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&told.stderr).into()) }
}

/// Nanoseconds for each of `count` operations, as each thread saw it: one that scales keeps its figure on two threads.
#[must_use]
pub fn nanos_as_seen(done: &[Done], count: usize) -> f64 {
    done.iter().map(Done::took).sum::<Duration>().as_nanos() as f64 / count as f64
}

/// Nanoseconds of all by `count` operations of all.
#[must_use]
pub fn nanos_in_all(done: &[Done], count: usize) -> f64 {
    let began = done.iter().map(|done| done.began).min();
    let ended = done.iter().map(|done| done.ended).max();
    match (began, ended) {
        (Some(began), Some(ended)) => (ended - began).as_nanos() as f64 / count as f64,
        _ => f64::NAN,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_priority_of_one_thread_is_lowered_and_that_of_others_is_not() -> Result<(), Failure> {
        let nice = || -> Result<i64, Failure> {
            let stat = std::fs::read_to_string("/proc/thread-self/stat")?;
            let behind_the_name = stat.rsplit_once(") ").ok_or("no name")?.1;
            Ok(behind_the_name.split(' ').nth(16).ok_or("too short")?.parse()?)
        };
        let before = nice()?;
        let lowered = std::thread::spawn(move || lower_priority().and_then(|()| nice())).join();
        assert_eq!(lowered.map_err(|_| "it panicked")??, 19);
        assert_eq!(nice()?, before);
        Ok(())
    }
}
