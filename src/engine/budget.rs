//! One byte budget over all tiers, handed out as grants.
//!
//! Owns: what each tier may hold, and what is promised while a tier gives bytes back. Never: evicts, measures use.
//!
//! A tier always keeps its floor. What is above the floors lies in a pool; a tier that gets near its grant asks, is
//! given from the pool, and when that is empty from the tier with the most unused bytes. What is taken from one tier
//! is given to another only after the first has acknowledged that it holds to the smaller grant.
//!
//! Invariant: the sum of all grants, each at the largest value its tier may still believe in, is within the budget.

/// A message that the supervisor has to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Tell `tier` that it may hold `grant` bytes, more than before.
    Grow {
        /// Which tier.
        tier: usize,
        /// Its grant from now on.
        grant: u64,
    },
    /// Tell `tier` that it may hold only `grant` bytes, and expect its acknowledgement.
    Shrink {
        /// Which tier.
        tier: usize,
        /// Its grant from now on.
        grant: u64,
    },
}

/// Bytes on their way from one tier to another.
#[derive(Debug, Clone, Copy)]
struct Transfer {
    from: usize,
    to: usize,
    bytes: u64,
}

/// Who may hold how much.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    floor: u64,
    chunk: u64,
    /// The largest grant that each tier may still believe in.
    grants: Vec<u64>,
    transfer: Option<Transfer>,
}

impl Budget {
    /// A budget of `total` bytes over `tiers`, each of which begins with its `floor`. `max_entry` bounds the steps in
    /// which bytes move from below.
    ///
    /// # Panics
    /// When the floors are more than the total, which settings refuse.
    #[must_use]
    pub fn new(total: u64, floor: u64, max_entry: u64, tiers: usize) -> Self {
        assert!(floor * tiers as u64 <= total, "floors of {floor} for {tiers} tiers exceed {total}");
        let chunk = (total / 64).max(2 * max_entry).max(1);
        Self { total, floor, chunk, grants: vec![floor; tiers], transfer: None }
    }

    /// What every tier may always hold.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The grant of `tier`.
    pub fn grant(&self, tier: usize) -> u64 {
        self.grants[tier]
    }

    /// What `tier` was last told to hold at most: less than its grant while it has not acknowledged that.
    pub fn promised(&self, tier: usize) -> u64 {
        let leaving =
            self.transfer.filter(|transfer| transfer.from == tier).map_or(0, |transfer| transfer.bytes);
        self.grants[tier] - leaving
    }

    /// All tiers' bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    fn pool(&self) -> u64 {
        self.total - self.grants.iter().sum::<u64>()
    }

    /// `tier` is near its grant; `used` are the bytes that each tier holds now. `None`: nobody has any to spare, and
    /// `tier` will ask again. Are bytes on their way already, then the same is told once more: whoever was told first
    /// may have died with it.
    pub fn ask(&mut self, tier: usize, used: &[u64]) -> Option<Move> {
        let pool = self.pool();
        if pool > 0 {
            self.grants[tier] += pool.min(self.chunk);
            self.check();
            return Some(Move::Grow { tier, grant: self.grants[tier] });
        }
        if let Some(Transfer { from, bytes, .. }) = self.transfer {
            return Some(Move::Shrink { tier: from, grant: self.grants[from] - bytes });
        }
        let spare = |from: usize| self.grants[from].saturating_sub(used[from].max(self.floor));
        let from = (0..self.grants.len()).filter(|&from| from != tier).max_by_key(|&from| spare(from))?;
        // Half of what it does not use: a tier that is just filling up should not be asked back at once.
        let bytes = (spare(from) / 2).min(self.chunk);
        if bytes == 0 {
            return None;
        }
        self.transfer = Some(Transfer { from, to: tier, bytes });
        Some(Move::Shrink { tier: from, grant: self.grants[from] - bytes })
    }

    /// `from` holds to `grant`: if that is what it was asked to shrink to, what it gave up can be given on.
    pub fn acknowledged(&mut self, from: usize, grant: u64) -> Option<Move> {
        // An earlier growth of the same tier may be acknowledged while its shrinking is still on the way.
        let shrunk = self.grants[from];
        let transfer = self.transfer.take_if(|it| it.from == from && grant + it.bytes <= shrunk)?;
        self.grants[from] -= transfer.bytes;
        self.grants[transfer.to] += transfer.bytes;
        self.check();
        Some(Move::Grow { tier: transfer.to, grant: self.grants[transfer.to] })
    }

    /// Adds up all grants.
    ///
    /// # Panics
    ///
    /// When more is granted than there is, or a tier is below its floor.
    pub fn check(&self) {
        assert!(self.grants.iter().sum::<u64>() <= self.total, "more is granted than there is");
        assert!(self.grants.iter().all(|&grant| grant >= self.floor), "a tier is below its floor");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_tiers_believe_never_exceeds_the_budget(ops in proptest::collection::vec((0usize..4, 0u64..400), 0..200)) {
            let mut budget = Budget::new(1_000, 100, 10, 4);
            let mut believed = [100u64; 4];
            let mut used = [0u64; 4];
            let mut shrinking: Option<(usize, u64)> = None;
            for (tier, bytes) in ops {
                used[tier] = bytes.min(believed[tier]);
                let mut next = budget.ask(tier, &used);
                // The acknowledgement may come late: other tiers ask meanwhile.
                if bytes % 3 == 0
                    && let Some((from, grant)) = shrinking.take()
                {
                    believed[from] = grant;
                    used[from] = used[from].min(grant);
                    if let Some(Move::Grow { tier, grant }) = budget.acknowledged(from, grant) {
                        believed[tier] = grant;
                    }
                }
                match next.take() {
                    Some(Move::Grow { tier, grant }) => believed[tier] = believed[tier].max(grant),
                    Some(Move::Shrink { tier, grant }) => shrinking = Some((tier, grant)),
                    None => {}
                }
                budget.check();
                prop_assert!(believed.iter().sum::<u64>() <= 1_000, "{believed:?}");
            }
        }
    }

    #[test]
    fn the_pool_is_given_first_and_then_what_others_do_not_use() {
        let mut budget = Budget::new(1_000, 100, 100, 2);
        while let Some(Move::Grow { .. }) = budget.ask(0, &[100, 0]) {}
        assert_eq!((budget.grant(0), budget.grant(1)), (900, 100));
        assert_eq!(budget.ask(1, &[300, 100]), Some(Move::Shrink { tier: 0, grant: 700 }));
        let again = budget.ask(1, &[300, 100]);
        assert_eq!(
            again,
            Some(Move::Shrink { tier: 0, grant: 700 }),
            "on their way already, so it is told again"
        );
        assert_eq!(budget.acknowledged(0, 700), Some(Move::Grow { tier: 1, grant: 300 }));
        assert_eq!(budget.acknowledged(0, 700), None, "nobody asked again");
    }
}
