//! Who said how long a value lives: those who brought it, a call with a loader, or the rules of its route and
//! tier.
//!
//! An entry keeps the answer in a few bits, so that a loader that says "not modified" does not have to repeat
//! what was said about the value. Never: holds a duration; the moments of the entry do.

/// Who said something about the time of a value, from the weakest word to the strongest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SaidBy {
    /// The route, the tier or the settings. The next load asks them again.
    #[default]
    Rules,
    /// A call with a loader.
    Call,
    /// Those who brought the value: its loader, or the set that wrote it.
    Value,
}

/// Who said what about the time of one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Who said how long it is fresh.
    pub ttl: SaidBy,
    /// Who said how long it may be served after that.
    pub stale: SaidBy,
}

impl SaidBy {
    const ALL: [Self; 3] = [Self::Rules, Self::Call, Self::Value];

    fn of_code(code: u16) -> Self {
        Self::ALL[usize::from(code) % Self::ALL.len()]
    }
}

impl Provenance {
    /// Number of different ones.
    pub(super) const CODES: u16 = 9;

    /// As a number below [`Provenance::CODES`].
    pub(super) fn code(self) -> u16 {
        3 * self.stale as u16 + self.ttl as u16
    }

    /// The one of that number.
    pub(super) fn of_code(code: u16) -> Self {
        Self { ttl: SaidBy::of_code(code), stale: SaidBy::of_code(code / 3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_for_one_provenance() {
        for code in 0..Provenance::CODES {
            assert_eq!(Provenance::of_code(code).code(), code);
        }
    }
}
