//! Settings as a host meets them: files, variables, code, and what is said when they are wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apex_cache::settings::{Settings, SettingsError, Sources};
use tempfile::TempDir;
use wrong::WRONG;

#[path = "settings/admin.rs"]
mod admin;
#[path = "settings/compression.rs"]
mod compression;
#[path = "settings/random.rs"]
mod random;
#[path = "settings/terms.rs"]
mod terms;
#[path = "settings/wrong.rs"]
mod wrong;

/// A folder of files that goes away with the test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file in the temporary folder");
        path
    }
}

/// Reads `content` as a file with this extension, or as `NAME=value` lines when the extension is `env`.
fn read(extension: &str, content: &str) -> Result<Settings, SettingsError> {
    let files = Files::new();
    sources(&files, extension, content).read()
}

fn sources(files: &Files, extension: &str, content: &str) -> Sources {
    if extension == "env" {
        let pairs = content.lines().filter_map(|line| line.split_once('='));
        return Settings::load().environment_from(pairs);
    }
    Settings::load().file(files.write(&format!("app.{extension}"), content))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn ttl(settings: &Settings, tier: &str) -> Duration {
    settings.tiers.iter().find(|settings| settings.name == tier).expect("the tier").ttl
}

fn prefixes(settings: &Settings, tier: &str) -> Vec<String> {
    let tier = settings.tiers.iter().find(|settings| settings.name == tier).expect("the tier");
    tier.prefixes.iter().map(|(prefix, ttl)| format!("{prefix} {ttl:?}")).collect()
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let settings = Settings::load().file(project("config/default.toml")).read().expect("default.toml");
    assert_eq!(settings, Settings::default());
    let text = std::fs::read_to_string(project("config/default.toml")).expect("default.toml");
    let with_entry = read("toml", &text.replace("# max_entry_size", "max_entry_size")).expect("default.toml");
    assert_eq!(with_entry.max_entry_size, Some(1 << 20));
    assert_eq!(with_entry.check(), Settings::default().check());
}

#[test]
fn every_setting_is_explained_in_the_default_file() {
    let text = std::fs::read_to_string(project("config/default.toml")).expect("default.toml");
    let policy = format!("{:#?}", apex_cache::LoadPolicy::new());
    let debug = format!("{:#?}", Settings::default());
    for (debug, count) in [(&debug, 18), (&policy, 8)] {
        let fields: Vec<&str> = debug
            .lines()
            .filter_map(|line| line.strip_prefix("    ").filter(|line| line.starts_with(char::is_alphabetic)))
            .filter_map(|line| line.split_once(':').map(|(field, _)| field))
            .filter(|field| *field != "origin") // no setting: where they were read
            .collect();
        assert_eq!(fields.len(), count, "{fields:?}");
        for field in fields {
            assert!(text.contains(field), "{field} is not explained");
        }
    }
}

#[test]
fn the_original_form_is_accepted_as_it_is_and_equals_the_defaults() {
    let settings = Settings::load().file(project("config/original.json")).read().expect("original.json");
    assert_eq!(settings, Settings::default());
}

#[test]
fn the_default_plan_has_the_stated_numbers() {
    let plan = Settings::default().check().expect("the defaults");
    assert!(plan.enabled);
    assert_eq!((plan.budget, plan.floor, plan.max_entry), (104_857_600, 10_485_760, 1_048_576));
    let tiers: Vec<_> = plan.tiers.iter().map(|tier| (&*tier.name, tier.terms.ttl.as_secs())).collect();
    assert_eq!(tiers, [("config", 86_400), ("reference", 43_200), ("user", 3_600), ("query", 1_800)]);
    let prefixes: Vec<_> = plan
        .prefixes
        .iter()
        .map(|route| (&*route.prefix, route.tier, route.ttl.map(|ttl| ttl.as_secs())))
        .collect();
    assert_eq!(
        prefixes,
        [
            ("config", 0, None),
            ("categories", 1, None),
            ("discounts", 1, None),
            ("products", 1, None),
            ("user", 2, None),
            ("user_orders", 2, Some(1_800)),
            ("query", 3, None),
        ]
    );
    assert_eq!(plan.default_tier, Some(3));
}

#[test]
fn a_cache_that_is_switched_off_is_still_checked_and_says_so_in_the_plan() {
    let settings = read("toml", "[cache]\nenabled = false\n").expect("settings");
    assert!(!settings.check().expect("a plan").enabled);
    assert!(Settings::default().enabled(false).max_size_mb(0).check().is_err());
}

#[test]
fn the_same_settings_can_be_written_in_every_format() {
    let expected = Settings::default()
        .max_size_mb(64)
        .max_entry_size(512 << 10)
        .load_timeout(seconds(5))
        .unknown_prefix("refuse")
        .tier("user", |tier| tier.ttl(seconds(7_200)))
        .tier("sessions", |tier| tier.description("Signed in").ttl(seconds(900)).prefix("sessions"));
    let same = [
        (
            "toml",
            "[cache]\nmax_size_mb = \"64MB\"\nmax_entry_size = \"512KB\"\nload_timeout = 5\nunknown_prefix = \"refuse\"\n\
             [cache.tiers.user]\nttl = \"2h\"\n[cache.tiers.sessions]\ndescription = \"Signed in\"\nttl = \"15m\"\n\
             prefixes = [\"sessions\"]\n",
        ),
        (
            "json",
            r#"{"cache": {"max_size_mb": 64, "max_entry_size": "512KiB", "load_timeout": "5s", "unknown_prefix":
            "refuse", "ttl_user": 7200, "tiers": {"sessions": {"description": "Signed in", "ttl": 900, "prefixes":
            {"sessions": "tier"}}}}}"#,
        ),
        (
            "yaml",
            "max_size_mb: 64\nmax_entry_size: 512 KB\nload_timeout: 5000ms\nunknown_prefix: refuse\nttl_user: 1h 60m\n\
             tiers:\n  sessions:\n    description: Signed in\n    ttl: 15 min\n    prefixes: [sessions]\n",
        ),
        (
            "env",
            "APEX_CACHE__MAX_SIZE_MB=64\nAPEX_CACHE__MAX_ENTRY_SIZE=512kb\nAPEX_CACHE__LOAD_TIMEOUT=5\n\
             APEX_CACHE__UNKNOWN_PREFIX=refuse\nAPEX_CACHE__TTL_USER=2h\n\
             APEX_CACHE__TIERS__SESSIONS__DESCRIPTION=Signed in\nAPEX_CACHE__TIERS__SESSIONS__TTL=15m\n\
             APEX_CACHE__TIERS__SESSIONS__PREFIXES=sessions\n",
        ),
    ];
    for (extension, content) in same {
        assert_eq!(read(extension, content).expect(extension), expected, "{extension}");
    }
}

#[test]
fn a_later_source_wins_value_by_value() {
    let files = Files::new();
    let first =
        files.write("first.toml", "max_size_mb = 10\nttl_user = 60\nttl_query = 61\nload_queue = 5\n");
    let second = files.write("second.json", r#"{"cache": {"max_size_mb": 20, "ttl_user": 70}}"#);
    let variables = [("APEX_CACHE__MAX_SIZE_MB", "30"), ("PATH", "/bin"), ("APEX_CACHE_HOME", "/srv")];
    let settings =
        Settings::load().file(&first).file(&second).environment_from(variables).read().expect("settings");
    assert_eq!(settings.max_size, 30 << 20);
    assert_eq!(ttl(&settings, "user"), seconds(70));
    assert_eq!(ttl(&settings, "query"), seconds(61));
    assert_eq!(settings.load_queue, 5);
    let other_way = Settings::load().environment_from(variables).file(&second).file(&first).read();
    assert_eq!(other_way.expect("settings").max_size, 10 << 20);
}

#[test]
fn the_variables_of_the_process_can_be_read() {
    // None of ours are set in a test run; that the others do not disturb is what can be seen here.
    assert_eq!(Settings::load().environment().read().expect("settings"), Settings::default());
}

#[test]
fn what_stands_beside_the_cache_is_neither_judged_nor_shown() {
    let beside = [
        (
            "toml",
            "database_password = \"hunter2\"\nmax_size_mb = \"hunter2\"\n[cache]\nmax_size_mb = 0\n[other]\nx = 1\n",
        ),
        (
            "json",
            r#"{"password": "hunter2", "password": "hunter2", "max_size_mb": [], "cache": {"max_size_mb": 0}}"#,
        ),
        ("yaml", "password: hunter2\nmax_size_mb: hunter2\ncache:\n  max_size_mb: 0\n"),
    ];
    for (extension, content) in beside {
        let error = read(extension, content).expect_err(extension);
        assert_eq!(error.problems.len(), 1, "{error}");
        assert_eq!(error.problems[0].key, "cache.max_size_mb");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        read(extension, &content.replace('0', "7")).expect("the rest is none of our business");
    }
}

#[test]
fn broken_files_of_a_host_are_refused_without_their_content() {
    let broken = [
        ("toml", "password = hunter2\n[cache]\n", "line 1"),
        ("toml", "[cache]\nmax_size_mb = 1\n[hunter2\n", "line 3"),
        ("toml", "hunter2 = 1\nhunter2 = 2\n", "every key once; see line 2"),
        ("json", "{\"password\": \"hunter2\",\n}", "line 2"),
        ("json", "{\"password\": hunter2}", "line 1"),
        ("yaml", "password: [hunter2\ncache: }\n", "line"),
        ("yaml", "hunter2: 1\nhunter2: 2\n", "line 2"),
        ("json", "\"hunter2\"", "one JSON object"),
        ("toml", "password = \"hunter2\"\nport = 1\n", "an object \"cache\""),
        ("yaml", "cahce:\n  max_size_mb: 1\npassword: hunter2\n", "did you mean cache in place of cahce?"),
        (
            "json",
            "{\"enabeld\": true, \"password\": \"hunter2\"}",
            "password (app.json): there is no such setting",
        ),
    ];
    for (extension, content, fragment) in broken {
        let folder = Files::new();
        let message = sources(&folder, extension, content).read().expect_err(content).to_string();
        let message = message.replace(&format!("{}/", folder.0.path().display()), "");
        assert!(message.contains(fragment), "{message}");
        assert!(message.contains(&format!("app.{extension}")), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_file_with_five_problems_reports_five() {
    let content = "[cache]\nenabled = \"yes\"\nmax_size_mb = \"lots\"\ncleanup_intervall = 5\n\
                   [cache.tiers.user]\nttl = 36.7\n[cache.tiers.deals]\nttl = 60\nprefixes = [\"a*\"]\n";
    let files = Files::new();
    let path = files.write("app.toml", content);
    let error = Settings::load().file(&path).read().expect_err("five problems");
    let message = error.to_string().replace(&path.display().to_string(), "app.toml");
    assert_eq!(
        message.lines().collect::<Vec<_>>(),
        [
            "the settings have 5 problems:",
            "  cache.cleanup_intervall (app.toml): there is no such setting; there are enabled, max_size_mb, \
             moving_budget, max_entry_size, cleanup_interval, warm_interval, load_timeout, load_concurrency, load_queue, \
             queue_messages, queue_bytes, stats_interval, unknown_prefix, compression, compression_threshold, tiers, admin; did \
             you mean cache.cleanup_interval?",
            "  cache.enabled = \"yes\" (app.toml): expected true or false; did you mean true?",
            "  cache.max_size_mb = \"lots\" (app.toml): expected a size in whole MiB, or text such as \"512KB\" or \
             \"100MB\", from 1MB to 1TB",
            "  cache.tiers.user.ttl = 36.7 (app.toml): expected whole seconds, or text such as \"90s\", \"30m\" or \
             \"1h 30m\", from 1s to 3650d",
            "  cache.tiers.deals.prefixes = \"a*\" (app.toml): expected the whole first segment of keys: at most \
             256 bytes, without \":\", \"*\", \"?\", blanks and control characters",
        ]
    );
}

#[test]
fn problems_of_all_sources_come_in_one_error() {
    let files = Files::new();
    let bad = files.write("bad.toml", "load_queue = -1\n");
    let error = Settings::load()
        .file(&bad)
        .file(files.0.path().join("absent.json"))
        .environment_from([("APEX_CACHE__ENABLED", "on")])
        .read()
        .expect_err("three problems");
    let places: Vec<_> = error.problems.iter().map(|problem| problem.origin.as_str()).collect();
    assert_eq!(places.len(), 3, "{error}");
    assert!(error.to_string().contains("absent.json: there is no such file"), "{error}");
    assert!(places.contains(&"environment variable APEX_CACHE__ENABLED"), "{error}");
}

#[test]
fn files_that_are_no_settings_are_named_with_the_reason() {
    let files = Files::new();
    let cases = [
        (files.0.path().join("absent.toml"), "there is no such file"),
        (files.0.path().to_path_buf(), "ends in .toml"),
        (files.write("app.ini", "x=1"), "ends in .toml, .json, .yaml or .yml"),
        (files.write("large.toml", vec![b'#'; (1 << 20) + 1]), "at most 1048576 bytes"),
        (files.write("latin.toml", [b'#', 0xe9, b'\n']), "expected UTF-8; byte 1 is none"),
        (files.write("list.json", "[1]"), "one JSON object"),
        (files.write("deep.yaml", "- ".repeat(100_000)), "nested at most 128"),
        (files.write("flow.yaml", "[".repeat(100_000)), "expected YAML"),
        (files.write("deep.json", "[".repeat(100_000)), "expected JSON"),
        (files.write("deep.toml", format!("a = {}", "[".repeat(100_000))), "expected TOML"),
        (files.write("two.yaml", "a: 1\n---\nb: 1\n"), "one YAML object"),
    ];
    for (path, fragment) in cases {
        let error = Settings::load().file(&path).read().expect_err(fragment);
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.to_string().contains(fragment), "{error}");
        assert_eq!(error.problems[0].origin, path.display().to_string());
    }
    let folder = files.0.path().join("folder.toml");
    std::fs::create_dir(&folder).expect("a folder");
    let error = Settings::load().file(&folder).read().expect_err("a folder");
    assert!(error.to_string().contains("this is a directory"), "{error}");
}

#[test]
fn empty_files_marks_and_line_ends_of_other_systems_are_accepted() {
    for extension in ["toml", "json", "yaml"] {
        assert_eq!(read(extension, "").expect(extension), Settings::default());
        assert_eq!(read(extension, "\u{feff}\r\n \n").expect(extension), Settings::default());
    }
    assert_eq!(read("yaml", "# nothing yet\n---\n").expect("a comment"), Settings::default());
    assert_eq!(read("json", "{}").expect("an empty object"), Settings::default());
    assert_eq!(read("json", "{\"cache\": {}}").expect("an empty object"), Settings::default());
    let windows = "\u{feff}[cache]\r\nmax_size_mb = 5\r\n[cache.tiers.user]\r\nttl = 9\r\n";
    assert_eq!(read("toml", windows).expect("CRLF").max_size, 5 << 20);
    assert_eq!(read("yaml", "\u{feff}cache:\r\n  max_size_mb: 5\r\n").expect("CRLF").max_size, 5 << 20);
}

#[test]
fn yaml_as_deep_as_is_allowed_is_read() {
    let levels = |line: fn(usize) -> String| (0..200).map(line).collect::<Vec<_>>().concat();
    let mappings = levels(|depth| format!("{}k:\n", " ".repeat(depth)));
    let lists = levels(|depth| format!("{}k:\n{}- - - -\n", " ".repeat(depth), " ".repeat(depth)));
    let flow = format!("{mappings}{}{}{}\n", " ".repeat(200), "[".repeat(250), "]".repeat(250));
    for beside in [&mappings, &lists, &flow] {
        let outcome = read("yaml", &format!("cache:\n  load_queue: 7\n{beside}"));
        assert!(outcome.is_ok() || outcome.is_err_and(|error| error.to_string().contains("expected YAML")));
    }
    let settings =
        read("yaml", &format!("cache:\n  load_queue: 7\n{mappings}")).expect("200 levels of one blank");
    assert_eq!(settings.load_queue, 7);
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text_are_told_and_not_skipped() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let broken = |text: &str| OsString::from_vec([text.as_bytes(), &[0xff]].concat());
    let variables = [
        (OsString::from("APEX_CACHE__LOAD_QUEUE"), broken("7")),
        (broken("APEX_CACHE__LOAD_QUEUE"), OsString::from("7")),
        (broken("OTHER"), broken("7")),
    ];
    let message = Settings::load().environment_from(variables).read().expect_err("two slips").to_string();
    assert!(
        message.contains("load_queue (environment variable APEX_CACHE__LOAD_QUEUE): expected UTF-8"),
        "{message}"
    );
    assert!(message.contains("did you mean APEX_CACHE__LOAD_QUEUE?"), "{message}");
    assert_eq!(message.lines().count(), 3, "{message}");
}

#[test]
fn sizes_and_durations_have_one_meaning_in_every_form() {
    for text in ["100", "\"100MB\"", "\"100MiB\"", "\"100 MB\"", "\"100m\"", "\"102400KB\"", "\"104857600B\""]
    {
        let settings = read("toml", &format!("max_size_mb = {text}")).expect(text);
        assert_eq!(settings.max_size, 100 << 20, "{text}");
    }
    for text in
        ["5400", "\"5400s\"", "\"90m\"", "\"1h 30m\"", "\"1h30m\"", "\"90 minutes\"", "\"1 hour 30 min\""]
    {
        let settings = read("toml", &format!("ttl_user = {text}")).expect(text);
        assert_eq!(ttl(&settings, "user"), seconds(5_400), "{text}");
    }
}

#[test]
fn prefixes_written_as_a_list_replace_and_as_a_table_add() {
    let list = read("toml", "[tiers.user]\nprefixes = [\"user\", \"carts\"]\n").expect("a list");
    assert_eq!(prefixes(&list, "user"), ["carts None", "user None"]);
    let table =
        read("toml", "[tiers.user.prefixes]\ncarts = \"10m\"\nuser_orders = \"tier\"\n").expect("a table");
    assert_eq!(prefixes(&table, "user"), ["carts Some(600s)", "user None", "user_orders None"]);
    let variable = read("env", "APEX_CACHE__TIERS__USER__PREFIXES__USER_ORDERS=60").expect("a variable");
    assert_eq!(prefixes(&variable, "user"), ["user None", "user_orders Some(60s)"]);
}

#[test]
fn a_prefix_leaves_the_tier_that_has_it_by_default() {
    let settings = read("toml", "[tiers.deals]\nttl = 60\nprefixes = [\"discounts\", \"coupons\"]\n")
        .expect("a new tier");
    assert_eq!(prefixes(&settings, "deals"), ["coupons None", "discounts None"]);
    assert_eq!(prefixes(&settings, "reference"), ["categories None", "products None"]);
    let code =
        Settings::default().tier("deals", |tier| tier.ttl(seconds(60)).prefix("discounts").prefix("coupons"));
    assert_eq!(code, settings);
    assert!(code.check().is_ok());
}

#[test]
fn the_floor_and_the_largest_entry_follow_from_size_and_tiers() {
    let small = Settings::default().max_size_mb(1).check().expect("a small cache needs no other change");
    assert_eq!((small.floor, small.max_entry), (104_857, 104_857));
    let mut many = Settings::default();
    for tier in 0..6 {
        many = many.tier(&format!("t{tier}"), |settings| settings.ttl(seconds(1)).prefix(format!("p{tier}")));
    }
    assert_eq!(many.check().expect("ten tiers").floor, (100 << 20) / 20);
    let large =
        Settings::default().max_entry_size(11 << 20).check().expect_err("above the floor").to_string();
    assert!(large.contains("max_entry_size = 11MB (code): expected at most 10MB"), "{large}");
    let queue =
        Settings::default().max_size_mb(1_000).max_entry_size(20 << 20).check().expect_err("above the queue");
    assert!(
        queue
            .to_string()
            .contains("max_entry_size = 20MB (code): expected at most queue_bytes, which is 16MB"),
        "{queue}"
    );
}

#[test]
fn settings_made_in_code_are_checked_with_code_as_their_place() {
    let many = (0..64).fold(Settings::default(), |settings, tier| {
        settings.tier(&format!("t{tier}"), |settings| settings.ttl(seconds(1)).prefix(format!("p{tier}")))
    });
    let mut none = Settings::default();
    none.tiers.clear();
    let mut twice = Settings::default();
    twice.tiers.push(twice.tiers[2].clone());
    let mut claimed = Settings::default();
    claimed.tiers[0].prefixes.insert(String::from("user"), None);
    let cases = [
        (Settings::default().max_size_mb(0), "max_size_mb = 0B (code)"),
        (Settings::default().max_size_mb(u64::MAX), "max_size_mb = "),
        (Settings::default().max_entry_size(0), "max_entry_size = 0B (code)"),
        (Settings::default().load_timeout(Duration::ZERO), "load_timeout = 0s (code)"),
        (Settings::default().load_timeout(Duration::MAX), "load_timeout = "),
        (Settings::default().stats_interval(Duration::from_micros(5)), "stats_interval = 5µs (code)"),
        (Settings::default().cleanup_interval(Duration::MAX), "cleanup_interval = "),
        (Settings::default().warm_interval(Duration::ZERO), "warm_interval = 0s (code)"),
        (Settings::default().load_concurrency(0), "load_concurrency = 0 (code)"),
        (Settings::default().load_queue(usize::MAX), "load_queue = "),
        (Settings::default().queue_messages(1), "queue_messages = 1 (code)"),
        (Settings::default().queue_bytes(0), "queue_bytes = 0B (code)"),
        (Settings::default().unknown_prefix("qeury"), "did you mean \"query\"?"),
        (Settings::default().tier("new", |tier| tier.prefix("new")), "tiers.new.ttl (code): this is missing"),
        (Settings::default().tier("usr", |tier| tier.ttl(seconds(9))), "did you mean tier user?"),
        (Settings::default().tier("user", |tier| tier.ttl(Duration::MAX)), "tiers.user.ttl = "),
        (
            Settings::default().tier("user", |tier| tier.prefix_ttl("u", Duration::ZERO)),
            "tiers.user.prefixes.u = 0s",
        ),
        (many, "tiers = 68 tiers (code): expected from 1 to 64 tiers"),
        (none, "tiers = 0 tiers (code)"),
        (twice, "tiers.user (code): expected one tier of that name"),
        (
            claimed,
            "tiers.user.prefixes.user (code): expected a prefix that no other tier claims; tier config has it",
        ),
    ];
    for (settings, fragment) in cases {
        let message = settings.check().expect_err(fragment).to_string();
        assert!(message.contains(fragment), "{message}");
    }
}

#[test]
fn settings_errors_pass_through_the_error_of_the_crate() {
    let error = Settings::default().max_size_mb(0).check().expect_err("no room");
    let same: apex_cache::Error = error.clone().into();
    assert_eq!(same.to_string(), error.to_string());
}

#[test]
fn every_wrong_setting_is_one_problem_with_its_key_value_place_and_what_is_allowed() {
    let mut missing = Vec::new();
    for (extension, content, fragments) in WRONG {
        let Err(error) = read(extension, content) else {
            missing.push(format!("{content:?} was accepted"));
            continue;
        };
        let text = error.to_string();
        if error.problems.len() != 1 {
            missing.push(format!("{content:?} gave {text}"));
        }
        for fragment in fragments.iter().filter(|fragment| !text.contains(**fragment)) {
            missing.push(format!("{content:?} lacks {fragment:?}: {text}"));
        }
        for problem in &error.problems {
            assert!(
                problem.origin.starts_with("environment variable ") || problem.origin.ends_with(extension),
                "{text}"
            );
            assert!(problem.to_string().lines().count() == 1, "{text}");
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(WRONG.len() >= 80);
}
