//! One byte budget over all tiers, handed out as grants.
//!
//! Owns: what each tier may hold, and what is promised while a tier gives bytes back. Never: evicts, measures use, decides
//! where bytes are worth most (`planner` does).
//!
//! A tier always keeps its floor. What is above the floors lies in a pool; a tier that gets near its grant asks, is
//! given from the pool, and when that is empty from the tier with the most unused bytes. A plan may set all at once. What is
//! taken from one tier is given to another only after the first has acknowledged that it holds to the smaller grant.
//!
//! Invariant: the sum of all grants, each at the largest value its tier may still believe in, is within the budget; while
//! the budget itself shrinks it only falls.

/// The parts of the budget in which bytes move from below, and in which plans count.
pub const UNITS: u64 = 64;

/// The smallest budget that any cache may have, and the largest. Bytes.
pub const LEAST: u64 = 1 << 20;
/// See [`LEAST`].
pub const MOST: u64 = 1 << 40;

/// What every tier always has of a budget of `total` bytes over so many `tiers`.
#[must_use]
pub fn floor_of(total: u64, tiers: usize) -> u64 {
    (total / 10).min(total / (2 * tiers.max(1) as u64))
}

/// The smallest budget over so many `tiers` in which every floor has room for an entry of `max_entry` bytes.
#[must_use]
pub fn least(max_entry: u64, tiers: usize) -> u64 {
    max_entry.saturating_mul((2 * tiers.max(1) as u64).max(10))
}

/// What the supervisor has to tell a tier: how much it may hold from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Which tier.
    pub tier: usize,
    /// Its grant.
    pub bytes: u64,
    /// The number of this telling, which its acknowledgement repeats.
    pub order: u64,
}

/// More is granted than there is: a fault of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{granted} bytes are granted of {limit}; this is a fault of apex-cache, please report it")]
pub struct Overdrawn {
    /// The sum of all grants.
    pub granted: u64,
    /// What it may be at most.
    pub limit: u64,
}

/// One tier's part.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// The largest grant that the tier may still believe in.
    grant: u64,
    /// What it was told last.
    told: u64,
    /// The number of that telling. A tier that was told 8, 9 and 8 again acknowledges 8 twice, and only the second time it
    /// means what counts.
    order: u64,
    /// What it is to have in the end.
    aim: u64,
    /// A plan gave it more, so what it does not use yet is not taken by who asks.
    kept: bool,
}

/// Who may hold how much.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    /// What the sum of all grants may be: the total, or what is left of a larger one before.
    limit: u64,
    floor: u64,
    chunk: u64,
    max_entry: u64,
    shares: Vec<Share>,
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
        let share = Share { grant: floor, told: floor, order: 0, aim: floor, kept: false };
        let chunk = chunk(total, max_entry);
        Self { total, limit: total, floor, chunk, max_entry, shares: vec![share; tiers] }
    }

    /// What every tier may always hold.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The grant of `tier`: the most that it may believe in.
    pub fn grant(&self, tier: usize) -> u64 {
        self.shares[tier].grant
    }

    /// What `tier` was told last: less than its grant while it has not acknowledged that.
    pub fn told(&self, tier: usize) -> Told {
        let Share { told, order, .. } = self.shares[tier];
        Told { tier, bytes: told, order }
    }

    /// What each tier is to have once all that was told is acknowledged.
    pub fn aims(&self) -> Vec<u64> {
        self.shares.iter().map(|share| share.aim).collect()
    }

    /// All tiers' bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What nobody has or is to have.
    pub fn pool(&self) -> u64 {
        self.total.saturating_sub(self.shares.iter().map(|share| share.grant.max(share.aim)).sum())
    }

    /// The sum of all grants.
    pub fn granted(&self) -> u64 {
        self.shares.iter().map(|share| share.grant).sum()
    }

    /// Gives `tier`, which is near its grant, a part of what nobody was ever given; nothing if there is no such part.
    pub fn take_from_pool(&mut self, tier: usize) -> Vec<Told> {
        let pool = self.pool();
        if pool == 0 {
            return Vec::new();
        }
        self.shares[tier].aim += pool.min(self.chunk);
        self.advance()
    }

    /// `tier` is near its grant; `used` are the bytes that each tier holds now. Nothing to tell: nobody has any to
    /// spare, and `tier` will ask again. Are bytes on their way already, then the same is told once more: whoever was told
    /// first may have died with it.
    pub fn ask(&mut self, tier: usize, used: &[u64]) -> Vec<Told> {
        if self.pool() > 0 {
            return self.take_from_pool(tier);
        }
        let pending: Vec<Told> =
            (0..self.shares.len()).filter(|&one| self.is_shrinking(one)).map(|one| self.told(one)).collect();
        if !pending.is_empty() {
            return pending;
        }
        let unused = |tier: usize| self.shares[tier].aim.saturating_sub(used[tier].max(self.floor));
        let spare = |from: usize| if self.shares[from].kept { 0 } else { unused(from) };
        let others = (0..self.shares.len()).filter(|&from| from != tier);
        let Some(from) = others.max_by_key(|&from| spare(from)) else { return Vec::new() };
        // Half of what it has unused beyond the other: then both have the same, and it does not ask back at once. Order that
        // bites without it:
        //   1 two tiers are full but for a little   2 one asks, and is given some of it   3 the other has less than before, and
        //   asks   4 so does the first, and so on for ever, though nobody stores anything
        let bytes = (spare(from).saturating_sub(unused(tier)) / 2).min(self.chunk);
        self.shares[from].aim -= bytes;
        self.shares[tier].aim += bytes;
        self.advance()
    }

    /// From now on each tier is to have what `aims` say, which are at least the floor each and at most the total together;
    /// anything else is left out, for a plan may be older than the budget it was made for. Smaller grants are told at once,
    /// larger ones as far as there are bytes, and the rest when others have acknowledged.
    pub fn aim(&mut self, aims: &[u64]) -> Vec<Told> {
        let fits = aims.len() == self.shares.len()
            && aims.iter().all(|&aim| aim >= self.floor)
            && aims.iter().sum::<u64>() <= self.total;
        if !fits {
            return Vec::new();
        }
        for (share, &aim) in self.shares.iter_mut().zip(aims) {
            share.kept = aim > share.aim;
            share.aim = aim;
        }
        self.advance()
    }

    /// The budget is `total` from now on. Grants fall in proportion to what they have above their floors, when they must.
    /// `false`: that is too little for the floors ([`least`]), and nothing has changed.
    pub fn resize(&mut self, total: u64) -> Option<Vec<Told>> {
        let tiers = self.shares.len();
        if total < least(self.max_entry, tiers) {
            return None;
        }
        let floor = floor_of(total, tiers);
        let above = |share: &Share| share.aim.saturating_sub(floor);
        let spare = total - floor * tiers as u64;
        let wanted: u64 = self.shares.iter().map(above).sum();
        for share in &mut self.shares {
            let above = above(share);
            let part = u128::from(above) * u128::from(spare) / u128::from(wanted.max(1));
            share.aim = floor + if wanted <= spare { above } else { part as u64 };
            share.kept = false;
        }
        self.limit = self.granted().max(total);
        (self.total, self.floor, self.chunk) = (total, floor, chunk(total, self.max_entry));
        Some(self.advance())
    }

    /// `tier` holds to what it was told under the number `order`: if that was the last it was told, what it gave up can be
    /// given on.
    pub fn acknowledged(&mut self, tier: usize, order: u64) -> Vec<Told> {
        let share = &mut self.shares[tier];
        // An earlier growth of the same tier may be acknowledged while its shrinking is still on the way.
        if share.order == order {
            share.grant = share.told;
        }
        self.limit = self.limit.min(self.granted().max(self.total));
        self.advance()
    }

    fn is_shrinking(&self, tier: usize) -> bool {
        self.shares[tier].told < self.shares[tier].grant
    }

    /// Tells what can be told now: first who is to have less, then who can have more.
    fn advance(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        let free = |budget: &Self| budget.total.saturating_sub(budget.granted());
        for tier in 0..self.shares.len() {
            let Share { told: before, aim, .. } = self.shares[tier];
            if aim < before {
                told.push(self.tell(tier, aim));
            }
        }
        for tier in 0..self.shares.len() {
            let Share { told: before, aim, grant, .. } = self.shares[tier];
            let bytes = aim.min(grant + free(self));
            if bytes > before {
                told.push(self.tell(tier, bytes));
            }
        }
        told
    }

    fn tell(&mut self, tier: usize, bytes: u64) -> Told {
        let share = &mut self.shares[tier];
        share.told = bytes;
        share.grant = share.grant.max(bytes);
        share.order += 1;
        self.told(tier)
    }

    /// That no more is granted than there is.
    pub fn sound(&self) -> Result<(), Overdrawn> {
        let (granted, limit) = (self.granted(), self.limit);
        if granted <= limit { Ok(()) } else { Err(Overdrawn { granted, limit }) }
    }

    /// Adds up all grants.
    ///
    /// # Panics
    ///
    /// When more is granted than there is, a tier is to have less than its floor, or bytes were lost on their way.
    pub fn check(&self) {
        self.sound().unwrap_or_else(|overdrawn| panic!("{overdrawn}"));
        assert!(self.limit >= self.total);
        assert!(
            self.shares.iter().map(|share| share.aim).sum::<u64>() <= self.total,
            "more is planned than there is"
        );
        assert!(self.shares.iter().all(|share| share.aim >= self.floor), "a tier is to be below its floor");
        assert!(
            self.shares.iter().all(|share| share.told <= share.grant),
            "a tier was told more than it is granted"
        );
        if (0..self.shares.len()).all(|tier| !self.is_shrinking(tier)) {
            assert!(
                self.shares.iter().all(|share| share.aim == share.told),
                "nothing is on its way, and not all is told"
            );
            assert_eq!(self.limit, self.total, "the budget has not come down");
        }
    }
}

fn chunk(total: u64, max_entry: u64) -> u64 {
    (total / UNITS).max(2 * max_entry).max(1)
}
