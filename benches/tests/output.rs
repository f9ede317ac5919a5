//! What programs may rely on in the rows of `--json`.
//!
//! Owns: the contract of the output. Never: asserts on a time: those are of this machine and of this moment.

use std::process::{Command, Output};

use serde_json::{Map, Value};

/// Runs `program`, and returns what it printed as objects, and what it said beside them.
fn rows(program: &str, arguments: &[&str]) -> (Vec<Map<String, Value>>, String) {
    let output = run(program, arguments);
    let (text, about) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {about}");
    let object = |line: &str| match serde_json::from_str(line) {
        Ok(Value::Object(object)) => object,
        other => panic!("{program} printed {line}, which is no object: {other:?}"),
    };
    (text.lines().map(object).collect(), about.into_owned())
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().expect("the program was built with this test")
}

fn number(row: &Map<String, Value>, field: &str) -> f64 {
    row[field].as_f64().unwrap_or_else(|| panic!("{field} of {row:?} is no number"))
}

#[test]
fn each_row_of_peers_is_a_comparison_whose_ratio_says_who_is_better() {
    let peers = env!("CARGO_BIN_EXE_peers");
    let (rows, about) = rows(peers, &["--quick", "--json", "--only", "set_many_100"]);
    assert!(!rows.is_empty(), "{about}");
    for row in &rows {
        assert_eq!((&row["measure"], &row["unit"]), (&Value::from("set_many_100"), &Value::from("ns")));
        assert!(row["peer"].is_string() && number(row, "threads") >= 1.0, "{row:?}");
        let (ours, theirs, ratio) = (number(row, "ours"), number(row, "theirs"), number(row, "ratio"));
        // All of them are rounded.
        assert!((ratio - theirs / ours).abs() <= ratio / 50.0, "lower is better: {row:?}");
        for (side, median) in [("ours", ours), ("theirs", theirs)] {
            let [least, most] = [0, 1].map(|end| row["spread"][side][end].as_f64().expect("it is a number"));
            assert!(least <= median && median <= most, "{side} of {row:?}");
        }
    }
    // What a figure means nothing without.
    for said in ["cores", "moka 0.12.", "--bin peers -- --quick --json --only set_many_100"] {
        assert!(about.contains(said), "{said} is missing: {about}");
    }
}

/// The lines of standard error that are objects: what belongs to the rows and is none of them.
fn asides(about: &str) -> Vec<Map<String, Value>> {
    about.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Asserts that `about` tells how long the turns of `of` took during `measure`.
fn turns_are_told(about: &str, of: &str, measure: &str) {
    let asides = asides(about);
    let turns = asides.iter().find(|line| line["of"] == of && line["during"] == measure);
    let turns = turns.unwrap_or_else(|| panic!("no turns of {of} during {measure}: {about}"));
    let times = ["p50", "p99", "p999", "longest"].map(|field| number(turns, field));
    assert!(number(turns, "count") > 0.0 && times.is_sorted(), "{turns:?}");
}

#[test]
fn a_storm_is_a_comparison_with_epochs_and_the_turns_of_ours_stand_beside_it() {
    let peers = env!("CARGO_BIN_EXE_peers");
    let (rows, about) = rows(peers, &["--quick", "--json", "--only", "write_storm_even"]);
    let told: Vec<_> = rows.iter().map(|row| (row["peer"].as_str(), row["threads"].as_u64())).collect();
    let (future, sync) = (Some("moka_epochs"), Some("moka_epochs_sync"));
    assert_eq!(told, [(future, Some(1)), (sync, Some(1)), (future, Some(2)), (sync, Some(2))]);
    assert!(rows.iter().all(|row| row["measure"] == "write_storm_even" && number(row, "ours") > 0.0));
    turns_are_told(&about, "tiers", "write_storm_even");
    turns_are_told(&about, "supervisor", "write_storm_even");
}

#[test]
fn the_shop_is_compared_with_the_limit_and_the_turns_of_ours_stand_beside_it() {
    let measure = "requests_per_second_20";
    let (rows, about) = rows(env!("CARGO_BIN_EXE_end_to_end"), &["--quick", "--json", "--only", measure]);
    let peers: Vec<_> = rows.iter().map(|row| row["peer"].as_str()).collect();
    assert_eq!(peers, [Some("no_cache"), Some("moka_future"), Some("bare_map")]);
    for row in &rows {
        assert_eq!((&row["measure"], &row["unit"]), (&Value::from(measure), &Value::from("1/s")));
        let (ours, theirs, ratio) = (number(row, "ours"), number(row, "theirs"), number(row, "ratio"));
        assert!((ratio - ours / theirs).abs() <= ratio / 50.0, "higher is better: {row:?}");
    }
    turns_are_told(&about, "tiers", "20 % changes");
}

#[test]
fn a_hit_allocates_nothing_and_every_operation_has_a_row_for_each_peer() {
    let (rows, about) = rows(env!("CARGO_BIN_EXE_allocations"), &["--quick", "--json"]);
    for operation in ["set_awaited", "set_new", "remove", "get_or_load_cold", "hit"] {
        let of_it: Vec<_> = rows.iter().filter(|row| row["measure"] == operation).collect();
        assert_eq!(of_it.len(), 3, "{operation}: {about}");
        // A timer of the cache may go off meanwhile.
        assert_eq!(of_it.iter().all(|row| number(row, "ours") < 0.1), operation == "hit", "{of_it:?}");
    }
}

#[test]
fn memory_that_was_given_back_is_told_in_a_row_of_its_own() {
    let (rows, _) = rows(env!("CARGO_BIN_EXE_memory"), &["--quick", "--json", "--only", "growth"]);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["measure"], "growth");
    assert!(number(&rows[0], "left") < 1e6, "{rows:?}");
}

#[test]
fn a_look_is_told_with_the_reads_alone_and_beside_it() {
    let (rows, about) = rows(env!("CARGO_BIN_EXE_looks"), &["--quick", "--json", "--only", "metrics"]);
    assert_eq!(rows.len(), 1, "{about}");
    let row = &rows[0];
    assert_eq!((&row["measure"], &row["unit"]), (&Value::from("metrics"), &Value::from("reads/s")));
    for field in ["alone", "beside", "threads", "keys", "looks"] {
        assert!(number(row, field) > 0.0, "{field} of {row:?}");
    }
    let change = number(row, "change_percent");
    let [least, most] = [0, 1].map(|end| row["spread"]["change_percent"][end].as_f64().expect("a number"));
    assert!(least <= change && change <= most, "{row:?}");
}

#[test]
fn what_does_not_exist_is_refused_by_every_program() {
    let programs = [
        env!("CARGO_BIN_EXE_peers"),
        env!("CARGO_BIN_EXE_end_to_end"),
        env!("CARGO_BIN_EXE_at_rest"),
        env!("CARGO_BIN_EXE_memory"),
        env!("CARGO_BIN_EXE_allocations"),
        env!("CARGO_BIN_EXE_scale"),
        env!("CARGO_BIN_EXE_invalidate"),
        env!("CARGO_BIN_EXE_latency"),
        env!("CARGO_BIN_EXE_looks"),
    ];
    for program in programs {
        let output = run(program, &["--only", "nothing"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{program}");
        assert!(said.contains("there is no measure \"nothing\"; there are "), "{program}: {said}");
    }
}
