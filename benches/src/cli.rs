//! The options that all programs have, and how one of them ends.
//!
//! Owns: reading the command line, and choosing measures by name. Never: knows what a measure is.

use std::process::ExitCode;

use crate::Failure;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Fewer entries, and fewer and shorter turns.
    pub quick: bool,
    /// Rows as JSON, one object a line.
    pub json: bool,
    /// Draw the rows as SVG, too.
    pub plot: bool,
    /// Names of the measures that are wanted; empty: all.
    pub only: Vec<String>,
    /// Options that the program alone has.
    pub extra: Vec<String>,
}

impl Options {
    /// Reads `arguments`. `measures` are the names that `--only` takes, `extra` the options that the program alone has.
    ///
    /// Errors: a sentence that lists what there is.
    pub fn parse(
        arguments: impl Iterator<Item = String>,
        measures: &[&str],
        extra: &[&str],
    ) -> Result<Self, Failure> {
        let (mut options, mut arguments) = (Self::default(), arguments);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "--plot" => options.plot = true,
                "--only" => {
                    let name = arguments.next().unwrap_or_default();
                    if !measures.contains(&name.as_str()) {
                        let all = measures.join(", ");
                        return Err(format!("there is no measure {name:?}; there are {all}").into());
                    }
                    options.only.push(name);
                }
                other if extra.contains(&other) => options.extra.push(argument),
                other => {
                    let all = [&["--quick", "--json", "--plot", "--only NAME"], extra].concat().join(", ");
                    return Err(format!("there is no option {other}; there are {all}").into());
                }
            }
        }
        Ok(options)
    }

    /// Whether the measure of this name is wanted.
    #[must_use]
    pub fn wants(&self, measure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == measure)
    }

    /// `quick` with `--quick`, else `full`.
    #[must_use]
    pub fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// The body of a `main`: what fails is told, and is the exit code.
#[must_use]
pub fn exit(program: &str, run: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{program}: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words = line.split_whitespace().map(str::to_owned);
        Options::parse(words, &["hit", "miss"], &["--build"]).map_err(|failure| failure.to_string())
    }

    #[test]
    fn measures_are_chosen_by_name_and_all_are_wanted_without_one() {
        let options = parse("--quick --only miss --build").expect("all of these exist");
        assert!(options.quick && !options.json && options.wants("miss") && !options.wants("hit"));
        assert_eq!((options.extra, options.quick.then_some(1)), (vec!["--build".to_owned()], Some(1)));
        assert!(parse("").expect("nothing is asked for").wants("hit"));
    }

    #[test]
    fn what_does_not_exist_is_refused_with_what_does() {
        assert!(parse("--only mis").expect_err("a typo").contains("hit, miss"));
        assert!(parse("--only").expect_err("no name").contains("hit, miss"));
        assert!(parse("--fast").expect_err("no option").contains("--only NAME, --build"));
    }
}
