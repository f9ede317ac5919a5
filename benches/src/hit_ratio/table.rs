//! Hit ratios as a table for people: a line for each policy, a column for each capacity, and their mean.
//!
//! Owns: the form, and the mean over all traces. Never: leaves a row out because of what it says.

use super::Found;

/// What was found in one trace.
#[derive(Debug, Default)]
pub struct Table {
    found: Vec<Found>,
    /// Of each policy, its means in the traces before.
    means: Vec<(&'static str, Vec<f64>)>,
    traces: usize,
}

fn mean(hits: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = hits.len();
    hits.sum::<f64>() / count as f64
}

impl Table {
    /// Takes a row of the trace under way.
    pub fn add(&mut self, found: Found) {
        self.found.push(found);
    }

    /// The table of the trace, of which there is at least a row; the next one is begun.
    #[must_use]
    pub fn end_trace(&mut self) -> String {
        let found = std::mem::take(&mut self.found);
        self.traces += 1;
        let first = found.first().map_or("", |found| found.policy);
        let of = |policy: &'static str| found.iter().filter(move |found| found.policy == policy);
        let trace = found.first().map_or("", Found::trace);
        let mut text = format!("{trace:<16}");
        of(first).for_each(|found| text += &format!(" {:>10}", found.capacity));
        text += &format!(" {:>8}", "mean");
        let mut policies: Vec<&str> = found.iter().map(|found| found.policy).collect();
        policies.dedup();
        let mut shown = Vec::new();
        for policy in policies {
            if shown.contains(&policy) {
                continue;
            }
            shown.push(policy);
            text += &format!("\n{policy:<16}");
            of(policy).for_each(|found| text += &format!(" {:>10.2}", found.hit_percent));
            let hits: Vec<f64> = of(policy).map(|found| found.hit_percent).collect();
            let mean = mean(hits.into_iter());
            text += &format!(" {mean:>8.2}");
            match self.means.iter_mut().find(|(name, _)| *name == policy) {
                Some((_, means)) => means.push(mean),
                None => self.means.push((policy, vec![mean])),
            }
        }
        text + "\n"
    }

    /// The mean of each policy over all traces; `-` where it was not replayed in each.
    #[must_use]
    pub fn overall(&self) -> String {
        let mut text = format!("mean of {} traces", self.traces);
        for (policy, means) in &self.means {
            text += &if means.len() == self.traces {
                format!("\n{policy:<16} {:>10.2}", mean(means.iter().copied()))
            } else {
                format!("\n{policy:<16} {:>10}", "-")
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_policy_and_the_mean_of_its_columns() {
        let mut table = Table::default();
        let row = |trace: &str, policy, capacity, hit_percent| Found {
            trace: trace.into(),
            policy,
            capacity,
            hit_percent,
        };
        for (capacity, hits) in [(5, 10.0), (10, 30.0)] {
            table.add(row("one", "ours", capacity, hits));
            table.add(row("one", "best", capacity, hits + 1.0));
        }
        let text = table.end_trace();
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
        let lines: Vec<_> = text.lines().map(words).collect();
        assert_eq!(lines[0], ["one", "5", "10", "mean"]);
        assert_eq!(lines[1], ["ours", "10.00", "30.00", "20.00"]);
        assert_eq!(lines[2], ["best", "11.00", "31.00", "21.00"]);
        table.add(row("two", "ours", 1, 40.0));
        let _ = table.end_trace();
        let lines: Vec<_> = table.overall().lines().map(words).collect();
        assert_eq!(lines[1..], [words("ours 30.00"), words("best -")]);
    }
}
