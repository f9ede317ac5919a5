//! The best way to share a number of equal parts among tiers.
//!
//! Owns: the choice. Never: knows what a part is, or moves one.

/// How many of `parts` each tier gets so that the sum of what they are worth is largest; `worth[tier][n]` is what `n` parts are
/// worth to `tier`, for `n` up to `parts`. Parts that bring nothing are left over.
///
/// Exact, also where worth comes in steps: a dynamic programme over tiers and parts. Cost: tiers x parts x parts.
#[must_use]
pub fn best(worth: &[Vec<f64>], parts: usize) -> Vec<usize> {
    // most[n]: what the tiers so far are worth with n parts at most.
    let mut most = vec![0.0; parts + 1];
    let mut choices = Vec::with_capacity(worth.len());
    for own in worth {
        let mut next = vec![f64::MIN; parts + 1];
        let mut choice = vec![0; parts + 1];
        for all in 0..=parts {
            for mine in 0..=all {
                let sum = most[all - mine] + own[mine];
                // Not for a rounding error: what brings nothing stays for others.
                if sum > next[all] + 1e-9 * next[all].abs() {
                    (next[all], choice[all]) = (sum, mine);
                }
            }
        }
        most = next;
        choices.push(choice);
    }
    let mut left = parts;
    let mut best: Vec<usize> = choices
        .iter()
        .rev()
        .map(|choice| {
            let mine = choice[left];
            left -= mine;
            mine
        })
        .collect();
    best.reverse();
    best
}

/// Splits `bytes` by weight. `most` bounds what each can use; what nobody can use is split by weight all the same. The parts
/// add up to `bytes`, but for a byte for each at most.
#[must_use]
pub fn split(bytes: u64, weights: &[f64], most: &[u64]) -> Vec<u64> {
    let mut parts = vec![0_u64; weights.len()];
    let mut left = bytes;
    for bounded in [true, false] {
        for _ in 0..weights.len() {
            let open: Vec<usize> =
                (0..weights.len()).filter(|&one| !bounded || parts[one] < most[one]).collect();
            let sum: f64 = open.iter().map(|&one| weights[one]).sum();
            let now = left;
            for &one in &open {
                let share = if sum > 0.0 { weights[one] / sum } else { 1.0 / open.len() as f64 };
                #[allow(clippy::cast_sign_loss)] // a share of what is left
                let part =
                    ((now as f64 * share) as u64).min(if bounded { most[one] - parts[one] } else { now });
                let part = part.min(left);
                parts[one] += part;
                left -= part;
            }
            if left == now || left < weights.len() as u64 {
                break;
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The best there is, by looking at everything.
    fn brute(worth: &[Vec<f64>], parts: usize) -> f64 {
        let Some((own, others)) = worth.split_first() else { return 0.0 };
        (0..=parts).map(|mine| own[mine] + brute(others, parts - mine)).fold(f64::MIN, f64::max)
    }

    proptest! {
        #[test]
        fn no_other_choice_is_worth_more(steps in prop::collection::vec(prop::collection::vec(0_u8..6, 8), 1..5)) {
            // Worth that grows in steps, as a loop over a few keys makes it.
            let grow = |steps: &Vec<u8>| {
                let rise = |sum: &mut f64, step: &u8| { *sum += f64::from(*step); Some(*sum) };
                std::iter::once(0.0).chain(steps.iter().scan(0.0, rise)).collect::<Vec<f64>>()
            };
            let worth: Vec<Vec<f64>> = steps.iter().map(grow).collect();
            let chosen = best(&worth, 8);
            prop_assert!(chosen.iter().sum::<usize>() <= 8);
            let sum: f64 = worth.iter().zip(&chosen).map(|(own, &mine)| own[mine]).sum();
            prop_assert!((sum - brute(&worth, 8)).abs() < 1e-6);
        }

        #[test]
        fn all_is_split_and_nobody_has_more_than_he_can_use_while_another_could_use_it(
            bytes in 0_u64..1_000_000,
            tiers in prop::collection::vec((0_u8..10, 0_u64..1_000_000), 1..6),
        ) {
            let weights: Vec<f64> = tiers.iter().map(|tier| f64::from(tier.0)).collect();
            let most: Vec<u64> = tiers.iter().map(|tier| tier.1).collect();
            let parts = split(bytes, &weights, &most);
            let sum: u64 = parts.iter().sum();
            prop_assert!(sum <= bytes && bytes - sum <= tiers.len() as u64, "{:?} of {}", parts, bytes);
        }
    }

    #[test]
    fn parts_that_bring_nothing_are_left_over() {
        assert_eq!(best(&[vec![0.0, 1.0, 1.0, 1.0], vec![0.0, 0.0, 5.0, 5.0]], 3), [1, 2]);
        assert_eq!(best(&[vec![0.0; 4], vec![0.0, 1.0, 1.0, 1.0]], 3), [0, 1]);
    }
}
