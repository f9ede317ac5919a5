//! The journal against a list that forgets nothing.
//!
//! Owns: the naive list. Never: looks inside the journal but through `check`.

use super::journal::Journal;
use super::key::Key;
use super::scope::Scope;
use super::tag::Tags;
use super::testing::{Rng, each_seed, key, pattern, some_key, some_scope};

/// Everything that was ever noted.
#[derive(Default)]
struct Naive {
    scopes: Vec<(u64, Scope)>,
    keys: Vec<(u64, Key)>,
    open: Vec<u64>,
}

impl Naive {
    fn allows(&self, seq0: u64, key: &Key, present: Option<u64>) -> bool {
        self.open.contains(&seq0)
            && present.is_none_or(|seq| seq < seq0)
            && !self.keys.iter().any(|(seq, lost)| *seq > seq0 && lost == key)
            && !self.scopes.iter().any(|(seq, scope)| *seq > seq0 && scope.matches(key.as_str()))
    }
}

#[test]
fn the_journal_agrees_with_a_list_that_forgets_nothing() {
    each_seed(300, |seed| {
        let (mut rng, mut journal, mut naive) = (Rng::new(seed), Journal::default(), Naive::default());
        for seq in 1..300 {
            match rng.below(8) {
                0 if naive.open.len() < 4 => {
                    journal.open(seq);
                    naive.open.push(seq);
                }
                1 if !naive.open.is_empty() => {
                    let closed = naive.open.swap_remove(rng.below(naive.open.len() as u64) as usize);
                    journal.close(closed);
                }
                2..=4 => {
                    // What is lost now was stored at some time before.
                    let (key, stored) = (some_key(&mut rng), 1 + rng.below(seq));
                    journal.lost(stored, key.as_str());
                    naive.keys.push((stored, key));
                }
                5 => {
                    let scope = some_scope(&mut rng);
                    journal.invalidated(seq, &scope);
                    naive.scopes.push((seq, scope));
                }
                _ => {}
            }
            journal.check();
            for &seq0 in &naive.open {
                let (key, present) = (some_key(&mut rng), rng.one_in(3).then(|| rng.below(seq)));
                let present = present.filter(|&present| present != seq0);
                assert_eq!(
                    journal.allows(seq0, &key, &Tags::NONE, present),
                    naive.allows(seq0, &key, present),
                    "{key} for {seq0}"
                );
            }
        }
    });
}

#[test]
fn with_every_ticket_revoked_nothing_is_kept() {
    let mut journal = Journal::default();
    journal.open(1);
    for seq in 2..5_000 {
        journal.invalidated(seq, &pattern(&format!("k{seq}*")));
        journal.lost(seq, &format!("k{seq}"));
        journal.check();
    }
    assert!(!journal.allows(1, &key("other"), &Tags::NONE, None));
    journal.open(5_000);
    journal.lost(4_000, "a");
    journal.check();
    assert!(journal.allows(5_000, &key("a"), &Tags::NONE, None), "it was lost before this ticket");
}
