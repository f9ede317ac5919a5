//! What Prometheus' own tool says of the metrics, and of the queries of the dashboard.
//!
//! Owns: how the tool is asked. Never: passes without it where `PROMTOOL` names it, as `tests/run` does; elsewhere its absence
//! is told, for this crate's own judge has looked at the same text.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::client::Host;
use crate::metrics;

/// Gives `input` to the tool; fails when it refuses, or finds anything to complain of.
fn ask(arguments: &[&str], input: &str) {
    let wanted = std::env::var_os("PROMTOOL");
    let tool = wanted.clone().unwrap_or_else(|| "promtool".into());
    let child = Command::new(&tool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if wanted.is_some() => panic!("{} cannot be run: {error}", tool.display()),
        Err(_) => {
            eprintln!(
                "SKIPPED promtool {}: it is not on this machine; tests/run --install",
                arguments.join(" ")
            );
            return;
        }
    };
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool {} refuses: {said}\n{input}", arguments.join(" "));
    // Of metrics it says nothing when all is well; of files that they are.
    assert!(!arguments.contains(&"metrics") || said.is_empty(), "promtool complains: {said}");
}

/// Reads `text` as Prometheus would.
pub(crate) fn check_metrics(text: &str) {
    ask(&["check", "metrics"], text);
}

/// Parses each of these queries.
pub(crate) fn check_queries(queries: &[String]) {
    // JSON is YAML, too.
    let rules: Vec<_> = queries
        .iter()
        .enumerate()
        .map(|(number, query)| serde_json::json!({ "record": format!("panel:{number}"), "expr": query }))
        .collect();
    let file = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    ask_of_file(&["check", "rules", "--lint-fatal"], &file.to_string());
}

/// Reads `text` as the settings of a Prometheus.
pub(crate) fn check_scrape(text: &str) {
    ask_of_file(&["check", "config", "--syntax-only"], text);
}

fn ask_of_file(arguments: &[&str], text: &str) {
    let mut place = tempfile::NamedTempFile::with_suffix(".yml").expect("a file");
    place.write_all(text.as_bytes()).expect("it is written");
    let path = place.path().to_str().expect("a path");
    ask(&[arguments, &[path]].concat(), "");
}

#[test]
fn promtool_accepts_the_metrics_of_a_cache_that_has_worked() {
    let host = Host::new();
    metrics::work(&host);
    check_metrics(&host.get_open("/metrics").expect(200).body);
}
