//! `check-config`: every problem, one a line, and nothing else on standard output.

use std::fs;

use super::command::Apex;

const BAD_TOML: &str = "[cache]\nmax_size_mb = \"lots\"\nenabeld = true\n[cache.tiers.user]\nttl = 0\n\
                        [cache.tiers.sessions]\nprefixes = [\"user\"]\n[other]\npassword = \"SECRETMARK\"\n";
const BAD_JSON: &str =
    r#"{ "cache": { "load_concurrency": 0, "tiers": { "user": { "eviction": "fifo" } } } }"#;

#[test]
fn every_problem_of_every_file_stands_on_a_line_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("bad.toml"), BAD_TOML).expect("it is written");
    fs::write(folder.path().join("bad.json"), BAD_JSON).expect("it is written");
    let check = |more: &[&str]| {
        let arguments = [&["check-config", "bad.toml", "bad.json", "none.yaml"], more].concat();
        Apex::new(&arguments).within(folder.path()).run().expect(2)
    };
    let told = check(&[]);
    let lines: Vec<_> = told.out.lines().collect();
    for wanted in [
        "bad.toml: cache.max_size_mb = \"lots\": expected a size",
        "bad.toml: cache.enabeld: ",
        "did you mean cache.enabled?",
        "bad.toml: cache.tiers.user.ttl = 0: expected whole seconds",
        "bad.json: cache.load_concurrency = 0: expected",
        "bad.json: cache.tiers.user.eviction = \"fifo\": expected",
        "none.yaml: there is no such file",
    ] {
        assert_eq!(lines.iter().filter(|line| line.contains(wanted)).count(), 1, "{wanted}: {told:?}");
    }
    assert!(told.err.contains(&format!("{} problems", lines.len())), "{told:?}");
    assert!(!told.out.contains("SECRETMARK") && !told.err.contains("SECRETMARK"), "{told:?}");
    let json = check(&["--json"]);
    let document = json.json();
    let problems = document["problems"].as_array().expect("a list");
    assert_eq!((document["ok"].as_bool(), problems.len()), (Some(false), lines.len()));
    for (problem, line) in problems.iter().zip(&lines) {
        for field in ["key", "value", "origin", "allowed"] {
            assert!(line.contains(problem[field].as_str().expect("a text")), "{field}: {problem} {line}");
        }
    }
    assert!(json.err.is_empty(), "{json:?}");
}

#[test]
fn good_files_end_with_zero_and_later_ones_win() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for files in [
        &["config/default.toml"][..],
        &["config/original.json"],
        &["config/default.toml", "config/original.json"],
    ] {
        let told = Apex::new(&[&["check-config"], files].concat()).within(root).run().expect(0);
        assert!(
            told.out.starts_with("no problem: 100 MB, tiers config 24h") && told.err.is_empty(),
            "{told:?}"
        );
    }
    let json =
        Apex::new(&["check-config", "--json", "config/default.toml"]).within(root).run().expect(0).json();
    assert_eq!(json, serde_json::json!({ "ok": true, "problems": [] }));
    let bad = |more: &[&str]| {
        let arguments = [&["check-config", "config/default.toml"], more].concat();
        Apex::new(&arguments).within(root).env("APEX_CACHE__MAX_SIZE_MB", "lots").run()
    };
    bad(&[]).expect(0);
    let told = bad(&["--environment"]).expect(2);
    assert!(
        told.out.starts_with("environment variable APEX_CACHE__MAX_SIZE_MB: max_size_mb = \"lots\""),
        "{told:?}"
    );
    Apex::new(&["check-config"]).run().expect(2);
}
