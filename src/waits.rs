//! The wait-for graph: loaders that wait for loads of other keys. A cycle is found before anybody stands in it.
//!
//! Owns: one table for the process, for a cycle may go through several tiers and caches. Never: waits itself, or is asked
//! within an actor's turn; a call from outside of a loader is not in it.
//!
//! Invariant: there is no cycle in the table, because looking for one and adding a wait are one step. So of the calls that
//! would close a cycle together, the last one is refused, and no other.
//!
//! A wait leads from a run of a loader to a key, and not to a run: which load will answer, only the key's tier knows.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use crate::engine::key::Key;
use crate::sync::Mutex;

/// A key of one of the caches of this process.
pub(crate) type Place = (u64, Key);

/// A loader while it runs.
#[derive(Debug)]
pub(crate) struct Run {
    id: u64,
    /// What it loads.
    keys: Vec<Place>,
}

impl Run {
    pub(crate) fn new(keys: Vec<Place>) -> Arc<Self> {
        Arc::new(Self { id: next(), keys })
    }
}

fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// All waits of this process.
static WAITS: LazyLock<Arc<Waits>> = LazyLock::new(Arc::default);

/// Has the loader `run` wait for `key`. `None`: it would wait for itself.
pub(crate) fn wait(run: &Arc<Run>, key: &Place) -> Option<Waiting> {
    WAITS.wait(run, key)
}

/// Notes that `key` is brought by the loader `run`, whoever waits for it.
pub(crate) fn bring(run: &Arc<Run>, key: &Place) -> Bringing {
    WAITS.table.lock().bringers.entry(key.clone()).or_default().push(run.id);
    Bringing { waits: Arc::clone(&WAITS), run: Arc::clone(run), key: key.clone() }
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// The runs that load a key, of those that wait for something; and those that have reserved it.
    bringers: HashMap<Place, Vec<u64>>,
    /// What each run waits for.
    waits: HashMap<u64, Vec<Wait>>,
}

#[derive(Debug)]
struct Wait {
    number: u64,
    key: Place,
    /// Whether it was answered; its call just does not know yet.
    is_over: Arc<AtomicBool>,
}

/// A loader's wait for a key, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    waits: Arc<Waits>,
    run: Arc<Run>,
    number: u64,
    is_over: Arc<AtomicBool>,
}

/// A key that a loader has reserved, until this is dropped.
#[derive(Debug)]
pub(crate) struct Bringing {
    waits: Arc<Waits>,
    run: Arc<Run>,
    key: Place,
}

impl Waits {
    /// See [`wait`].
    pub(crate) fn wait(self: &Arc<Self>, run: &Arc<Run>, key: &Place) -> Option<Waiting> {
        let mut table = self.table.lock();
        if table.leads_to(key, run) {
            return None;
        }
        let (number, is_over) = (next(), Arc::new(AtomicBool::new(false)));
        if !table.waits.contains_key(&run.id) {
            for own in &run.keys {
                table.bringers.entry(own.clone()).or_default().push(run.id);
            }
        }
        let wait = Wait { number, key: key.clone(), is_over: Arc::clone(&is_over) };
        table.waits.entry(run.id).or_default().push(wait);
        drop(table);
        Some(Waiting { waits: Arc::clone(self), run: Arc::clone(run), number, is_over })
    }
}

impl Table {
    /// Whether who waits for `key` waits for `run`, through however many others. Cost: at most one look at each wait.
    fn leads_to(&self, key: &Place, run: &Run) -> bool {
        let (mut left, mut seen) = (vec![key], HashSet::from([key]));
        while let Some(key) = left.pop() {
            if run.keys.contains(key) {
                return true;
            }
            for bringer in self.bringers.get(key).into_iter().flatten() {
                if *bringer == run.id {
                    return true;
                }
                let waits = self.waits.get(bringer).into_iter().flatten();
                let under_way = waits.filter(|wait| !wait.is_over.load(Ordering::Acquire));
                left.extend(under_way.map(|wait| &wait.key).filter(|key| seen.insert(key)));
            }
        }
        false
    }

    fn forget_bringer(&mut self, key: &Place, run: u64) {
        let Some(runs) = self.bringers.get_mut(key) else { return };
        if let Some(at) = runs.iter().position(|one| *one == run) {
            runs.swap_remove(at);
        }
        if runs.is_empty() {
            self.bringers.remove(key);
        }
    }
}

impl Waiting {
    /// Set where its answer is given, which is before its call learns of it: what asks meanwhile waits for nobody.
    pub(crate) fn is_over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_over)
    }

    /// The answer was of no use, and its call runs the loader itself.
    pub(crate) fn goes_on(&self) {
        self.is_over.store(false, Ordering::Release);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut table = self.waits.table.lock();
        let Some(waits) = table.waits.get_mut(&self.run.id) else { return };
        waits.retain(|wait| wait.number != self.number);
        if waits.is_empty() {
            table.waits.remove(&self.run.id);
            for own in &self.run.keys {
                table.forget_bringer(own, self.run.id);
            }
        }
    }
}

impl Drop for Bringing {
    fn drop(&mut self) {
        self.waits.table.lock().forget_bringer(&self.key, self.run.id);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        (0, Key::parse(text).expect("a key"))
    }

    fn run(keys: &[&str]) -> Arc<Run> {
        Run::new(keys.iter().map(|key| place(key)).collect())
    }

    #[test]
    fn a_cycle_is_refused_to_the_last_who_would_close_it_and_to_nobody_else() {
        let waits: Arc<Waits> = Arc::default();
        let (a, b, c) = (run(&["a"]), run(&["b", "b2"]), run(&["c"]));
        assert!(waits.wait(&a, &place("a")).is_none());
        let first = waits.wait(&a, &place("b2")).expect("nobody waits for a");
        let second = waits.wait(&b, &place("c")).expect("nobody waits for b");
        assert!(waits.wait(&c, &place("a")).is_none());
        assert!(waits.wait(&c, &place("b")).is_none());
        assert!(waits.wait(&c, &(1, place("a").1)).is_some(), "a key of another cache");
        let other = run(&["d"]);
        assert!(waits.wait(&other, &place("a")).is_some());
        drop(second);
        assert!(waits.wait(&c, &place("a")).is_some(), "b waits no more");
        drop(first);
        let table = waits.table.lock();
        assert!(table.waits.is_empty() && table.bringers.is_empty());
    }

    #[test]
    fn a_wait_that_was_answered_leads_nowhere_until_it_goes_on() {
        let waits: Arc<Waits> = Arc::default();
        let (a, b) = (run(&["a"]), run(&["b"]));
        let first = waits.wait(&a, &place("b")).expect("nobody waits for a");
        first.is_over().store(true, Ordering::Release);
        drop(waits.wait(&b, &place("a")).expect("a goes on by itself"));
        first.goes_on();
        assert!(waits.wait(&b, &place("a")).is_none());
    }
}

#[cfg(all(test, shuttle))]
mod shuttle_tests {
    use shuttle::thread;

    use super::*;
    use crate::sync::each_schedule;

    /// Loaders of three keys, each of which waits for the next, at the same time.
    #[test]
    fn of_loaders_that_wait_in_a_cycle_one_is_refused_in_every_schedule() {
        each_schedule(|| {
            let waits: Arc<Waits> = Arc::default();
            let place = |number: u32| (0, Key::parse(&format!("key::{}", number % 3)).expect("a key"));
            let wait = |number: u32| {
                let waits = Arc::clone(&waits);
                thread::spawn(move || waits.wait(&Run::new(vec![place(number)]), &place(number + 1)))
            };
            let loaders = [wait(0), wait(1), wait(2)];
            let waiting: Vec<_> =
                loaders.map(|loader| loader.join().expect("no panic")).into_iter().collect();
            assert_eq!(waiting.iter().filter(|one| one.is_none()).count(), 1);
        });
    }
}
