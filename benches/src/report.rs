//! Rows: one comparison each, as JSON for programs or as a table for people.
//!
//! Owns: the form of a row. Never: leaves a row out because of what it says.

use serde::Serialize;

use crate::samples::Samples;

/// One comparison with one peer.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done.
    pub measure: String,
    /// Threads that did it at the same time.
    pub threads: usize,
    /// With whom we are compared.
    pub peer: &'static str,
    /// What we needed.
    pub ours: Samples,
    /// What the peer needed.
    pub theirs: Samples,
}

/// A row as programs read it; the order of the fields is the order in the text.
#[derive(Serialize)]
struct Line<'r> {
    measure: &'r str,
    threads: usize,
    peer: &'r str,
    ours: f64,
    theirs: f64,
    unit: &'r str,
    ratio: f64,
    spread: Spread,
}

/// The quickest and the slowest turn of each.
#[derive(Serialize)]
struct Spread {
    ours: [f64; 2],
    theirs: [f64; 2],
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

impl Row {
    /// How many times faster we are; below 1 we are slower.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.theirs.median() / self.ours.median()
    }

    /// One object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let line = Line {
            measure: &self.measure,
            threads: self.threads,
            peer: self.peer,
            ours: tenths(self.ours.median()),
            theirs: tenths(self.theirs.median()),
            unit: "ns",
            ratio: (self.ratio() * 1_000.0).round() / 1_000.0,
            spread: Spread { ours: self.ours.spread().map(tenths), theirs: self.theirs.spread().map(tenths) },
        };
        serde_json::to_string(&line).expect("numbers and texts can always be written")
    }

    /// The heading of the table.
    #[must_use]
    pub fn heading() -> String {
        format!(
            "{:<22} {:>7}  {:<14} {:>10} {:<19} {:>10} {:<19} {:>6}",
            "measure", "threads", "peer", "ours ns", "(min..max)", "theirs ns", "(min..max)", "ratio"
        )
    }

    /// One line of the table.
    #[must_use]
    pub fn line(&self) -> String {
        let spread = |samples: &Samples| {
            let [least, most] = samples.spread();
            format!("({least:.0}..{most:.0})")
        };
        format!(
            "{:<22} {:>7}  {:<14} {:>10.0} {:<19} {:>10.0} {:<19} {:>6.2}",
            self.measure,
            self.threads,
            self.peer,
            self.ours.median(),
            spread(&self.ours),
            self.theirs.median(),
            spread(&self.theirs),
            self.ratio()
        )
    }
}
