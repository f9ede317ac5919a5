//! Seeded random numbers and the Zipf choice, so that a run can be repeated by its seed.
//!
//! Owns: the generator (`SplitMix64`) and the table of a Zipf distribution.
//! Never: asks the operating system for randomness.

/// A small generator: the same seed and stream always give the same numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// A generator of its own for each purpose, so that one more draw here changes nothing there.
    pub(crate) fn stream(seed: u64, stream: u64) -> Self {
        Self { state: mix(seed ^ mix(stream.wrapping_add(0x5851_F42D_4C95_7F2D))) }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// A number from 0 up to, and without, `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        (wide >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low.saturating_add_unsigned(self.below(low.abs_diff(high).saturating_add(1)))
    }

    /// A number from 1 to `last`, as rows are numbered.
    pub(crate) fn id(&mut self, last: u32) -> u32 {
        self.below(u64::from(last)) as u32 + 1
    }

    /// A fraction in 0.0 .. 1.0.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in `percent` of the draws.
    pub(crate) fn percent(&mut self, percent: f64) -> bool {
        self.unit() * 100.0 < percent
    }

    /// One of `items`, all with the same chance.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len() as u64) as usize]
    }
}

/// The finaliser of `SplitMix64`: spreads every bit of `x` over all 64.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Ranks 0 .. `len`, where rank r is drawn in proportion to 1 / (r + 1)^exponent.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    /// A table of `len` ranks; `len` of 0 counts as 1.
    pub(crate) fn new(len: usize, exponent: f64) -> Self {
        let mut total = 0.0;
        let mut cumulated: Vec<f64> = (1..=len.max(1))
            .map(|rank| {
                total += (rank as f64).powf(-exponent);
                total
            })
            .collect();
        for sum in &mut cumulated {
            *sum /= total;
        }
        Self { cumulated }
    }

    /// A rank.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let point = random.unit();
        self.cumulated.partition_point(|&sum| sum <= point).min(self.cumulated.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_stream_gives_others() {
        let draw = |seed, stream| {
            let mut random = Random::stream(seed, stream);
            (0..50).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn numbers_stay_inside_their_bounds_and_reach_both_ends() {
        let mut random = Random::stream(3, 0);
        let mut seen = [false; 5];
        for _ in 0..1_000 {
            let number = random.between(10, 14);
            assert!((10..=14).contains(&number));
            seen[usize::try_from(number - 10).unwrap()] = true;
            assert!((0.0..1.0).contains(&random.unit()));
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn zipf_draws_each_rank_about_as_often_as_its_formula_says() {
        let (ranks, draws) = (50_usize, 200_000_usize);
        let zipf = Zipf::new(ranks, 1.0);
        let mut random = Random::stream(11, 0);
        let mut seen = vec![0_usize; ranks];
        for _ in 0..draws {
            seen[zipf.draw(&mut random)] += 1;
        }
        let harmonic: f64 = (1..=ranks).map(|rank| 1.0 / rank as f64).sum();
        for (rank, &count) in seen.iter().enumerate() {
            let expected = draws as f64 / harmonic / (rank + 1) as f64;
            let off = (count as f64 - expected).abs();
            assert!(off < 6.0 * expected.sqrt(), "rank {rank}: {count} draws, expected {expected:.0}");
        }
    }
}
