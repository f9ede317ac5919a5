//! Rows: one comparison each, as JSON for programs or as a table for people.
//!
//! Owns: the form of a row and of what stands above it. Never: leaves a row out because of what it says.

use serde::Serialize;

use crate::cli::Options;
use crate::samples::Samples;
use crate::{Failure, machine, plot};

/// Which of two figures is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Times, bytes.
    Lower,
    /// Rates.
    Higher,
}

/// One comparison with one peer.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done.
    pub measure: String,
    /// Entries that each cache held, where that says something.
    pub keys: Option<u64>,
    /// Threads or tasks that did it at the same time.
    pub threads: usize,
    /// With whom we are compared.
    pub peer: String,
    /// What we needed.
    pub ours: Samples,
    /// What the peer needed.
    pub theirs: Samples,
    /// Of both.
    pub unit: &'static str,
    /// Which of them is the better one.
    pub better: Better,
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
    /// Nothing when one of the two is zero.
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<u64>,
    spread: Spread,
}

/// The smallest and the largest turn of each.
#[derive(Serialize)]
struct Spread {
    ours: [f64; 2],
    theirs: [f64; 2],
}

/// `number` with three digits that mean something.
#[must_use]
pub fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let scale = 10_f64.powi(3 - number.abs().log10().ceil() as i32);
    let rounded = (number * scale).round() / scale;
    // What lies above a thousand has no use for zeros that look exact; what is near it keeps its units.
    if number.abs() >= 1_000.0 { number.round() } else { rounded }
}

impl Row {
    /// How many times better we are; below 1 we are worse. Nothing when one of the two is zero.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let (ours, theirs) = (self.ours.median(), self.theirs.median());
        let ratio = match self.better {
            Better::Lower => theirs / ours,
            Better::Higher => ours / theirs,
        };
        (ratio.is_finite() && ratio > 0.0).then_some(ratio)
    }

    /// One object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let line = Line {
            measure: &self.measure,
            threads: self.threads,
            peer: &self.peer,
            ours: rounded(self.ours.median()),
            theirs: rounded(self.theirs.median()),
            unit: self.unit,
            ratio: self.ratio().map(rounded),
            keys: self.keys,
            spread: Spread {
                ours: self.ours.spread().map(rounded),
                theirs: self.theirs.spread().map(rounded),
            },
        };
        serde_json::to_string(&line).expect("numbers and texts can always be written")
    }

    /// The heading of the table.
    #[must_use]
    pub fn heading() -> String {
        format!(
            "{:<24} {:>8} {:>3}  {:<14} {:>10} {:<21} {:>10} {:<21} {:<8} {:>8}",
            "measure", "keys", "thr", "peer", "ours", "(min..max)", "theirs", "(min..max)", "unit", "ratio"
        )
    }

    /// One line of the table.
    #[must_use]
    pub fn line(&self) -> String {
        let spread = |samples: &Samples| {
            let [least, most] = samples.spread().map(rounded);
            format!("({least}..{most})")
        };
        format!(
            "{:<24} {:>8} {:>3}  {:<14} {:>10} {:<21} {:>10} {:<21} {:<8} {:>8}",
            self.measure,
            self.keys.map_or_else(String::new, |keys| keys.to_string()),
            self.threads,
            self.peer,
            rounded(self.ours.median()),
            spread(&self.ours),
            rounded(self.theirs.median()),
            spread(&self.theirs),
            self.unit,
            self.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
        )
    }
}

/// Where the rows of one program go.
#[derive(Debug)]
pub struct Report {
    program: &'static str,
    json: bool,
    plot: bool,
    heading: Option<String>,
    rows: Vec<Row>,
}

impl Report {
    /// Says what is measured, where, with which versions and by which command. Only rows go to standard output when a
    /// program reads it.
    #[must_use]
    pub fn open(program: &'static str, options: &Options, packages: &[&str], notes: &str) -> Self {
        let versions: Vec<_> = packages.iter().copied().map(machine::versioned).collect();
        let about = format!(
            "{program}: {} cores\n{}\n{}\n{}\n{notes}",
            machine::cores(),
            machine::describe(),
            versions.join(", "),
            machine::command(program),
        );
        if options.json {
            eprintln!("{about}");
        } else {
            println!("{about}");
        }
        Self { program, json: options.json, plot: options.plot, heading: None, rows: Vec::new() }
    }

    /// Prints `row`.
    pub fn row(&mut self, row: Row) {
        let heading = Row::heading();
        self.print(&heading, &row.line(), &row.json());
        self.rows.push(row);
    }

    /// Prints a line of a form of its own: `line` for people, under `heading`, or `json` for programs.
    pub fn print(&mut self, heading: &str, line: &str, json: &str) {
        if self.json {
            println!("{json}");
            return;
        }
        if self.heading.as_deref() != Some(heading) {
            println!("\n{heading}");
            self.heading = Some(heading.to_owned());
        }
        println!("{line}");
    }

    /// What has no row, and why.
    pub fn remark(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }

    /// Prints what belongs to the rows and is none of them: `line` for people, or `json` for programs, which get it on
    /// standard error.
    pub fn aside(&self, line: &str, json: &str) {
        self.remark(if self.json { json } else { line });
    }

    /// Draws what was printed, if that was asked for.
    ///
    /// Errors: a sentence, when a file cannot be written.
    pub fn close(self) -> Result<(), Failure> {
        if self.plot {
            for path in plot::draw(self.program, &self.rows)? {
                self.remark(&format!("drawn: {}", path.display()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, theirs: f64, better: Better) -> Row {
        let of = |figure: f64| Samples::from(vec![figure, figure / 2.0, figure * 2.0]);
        Row {
            measure: "m".into(),
            keys: None,
            threads: 1,
            peer: "p".into(),
            ours: of(ours),
            theirs: of(theirs),
            unit: "ns",
            better,
        }
    }

    #[test]
    fn a_ratio_above_one_means_that_we_are_better_whatever_is_measured() {
        assert_eq!(row(10.0, 25.0, Better::Lower).ratio(), Some(2.5));
        assert_eq!(row(10.0, 25.0, Better::Higher).ratio(), Some(0.4));
        assert_eq!(row(0.0, 25.0, Better::Lower).ratio(), None);
        assert_eq!(row(0.0, 0.0, Better::Higher).ratio(), None);
    }

    #[test]
    fn a_row_is_one_object_on_one_line_with_its_spread() {
        let json = row(10.0, 25.0, Better::Lower).json();
        assert_eq!(
            json,
            r#"{"measure":"m","threads":1,"peer":"p","ours":10.0,"theirs":25.0,"unit":"ns","ratio":2.5,"spread":{"ours":[5.0,20.0],"theirs":[12.5,50.0]}}"#
        );
        assert!(row(0.0, 25.0, Better::Lower).json().contains("\"ratio\":null"));
    }

    #[test]
    fn figures_keep_three_digits() {
        let figures = [0.012_345, 1.234_5, 99.96, 123.45, 1_234.5, 98_765.4, 0.0];
        assert_eq!(
            format!("{:?}", figures.map(rounded)),
            "[0.0123, 1.23, 100.0, 123.0, 1235.0, 98765.0, 0.0]"
        );
    }
}
