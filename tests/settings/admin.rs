//! The section of the admin, in files, variables and code.

use apex_cache::settings::{AdminSettings, Settings};

use crate::{Files, read};

const TOKEN: &str = "8c1f0b7e5a9d3624e0b15f8a7c62d943";

#[test]
fn the_admin_can_be_written_in_every_form() {
    let files = Files::new();
    let token = files.write("token", format!("{TOKEN}\n"));
    let token = token.display();
    let admin = AdminSettings::new()
        .enabled(true)
        .required(true)
        .bind(([0, 0, 0, 0], 9_000))
        .allow_host("cache.example.com")
        .allow_host("shop")
        .token(TOKEN);
    let expected = Settings::default().admin(admin);
    assert!(expected.check().expect("a plan").admin.is_enabled());
    let section = format!(
        "admin]\nenabled = true\nrequired = true\naddress = \"0.0.0.0:9000\"\nhosts = [\"cache.example.com\", \"shop\"]\ntoken_file = \"{token}\"\n"
    );
    for (extension, content) in [
        ("toml", format!("[cache.{section}")),
        ("toml", format!("[{section}")),
        (
            "yaml",
            format!(
                "cache:\n  admin:\n    enabled: true\n    required: true\n    address: 0.0.0.0:9000\n    hosts: [cache.example.com, shop]\n    \
                 token_file: {token}\n"
            ),
        ),
        (
            "env",
            format!(
                "APEX_CACHE__ADMIN__ENABLED=true\nAPEX_CACHE__ADMIN__REQUIRED=true\nAPEX_CACHE__ADMIN__ADDRESS=0.0.0.0:9000\n\
                 APEX_CACHE__ADMIN__HOSTS=cache.example.com,shop\nAPEX_CACHE_ADMIN_TOKEN={TOKEN}"
            ),
        ),
    ] {
        assert_eq!(read(extension, &content).expect(extension), expected, "{content}");
    }
    assert_eq!(Settings::default().admin, AdminSettings::new());
    assert!(!Settings::default().admin.is_enabled());
}

#[test]
fn every_problem_of_the_admin_is_told_beside_all_others_and_no_token_is_shown() {
    let files = Files::new();
    let weak = files.write("weak", "hunter2-hunter2\n");
    let missing = files.write("weak", "hunter2-hunter2\n").with_file_name("missing");
    for (content, wanted) in [
        ("[admin]\ntoken = \"hunter2\"\nmax_size = 1", vec!["admin.token (", "admin.max_size ("]),
        (
            "max_size_mb = 0\n[admin]\nenabled = \"yes\"",
            vec!["admin.enabled = \"yes\" (", "max_size_mb = 0 ("],
        ),
        ("[admin]\nenabled = true\naddress = \"localhost:80\"", vec!["did you mean \"127.0.0.1:80\"?"]),
        ("[admin]\naddress = \":9120\"", vec!["did you mean \"127.0.0.1:9120\"?"]),
        ("[admin]\naddress = 9120", vec!["did you mean \"127.0.0.1:9120\"?"]),
        ("[admin]\naddress = \"10.0.0.1\"", vec!["did you mean \"10.0.0.1:9120\"?"]),
        ("[admin]\naddress = \"hunter2\"", vec!["admin.address = \"hunter2\" ("]),
        ("[admin]\nhosts = \"a\"", vec!["did you mean [\"a\"]?"]),
        ("[admin]\nhosts = [\"http://a\"]", vec!["admin.hosts = [..] ("]),
        ("[admin]\nhosts = [1.5, {}]", vec!["admin.hosts = [..] ("]),
        ("[admin]\nadress = 1", vec!["did you mean cache.admin.address?"]),
        (
            "[admin]\nenabled = true\naddress = \"0.0.0.0:9120\"",
            vec!["an address that other machines reach needs a token"],
        ),
        ("[admin]\naddress = \"0.0.0.0:9120\"", vec![]),
        ("admin = true", vec!["admin = true ("]),
        ("[admin]\ntoken_file = 7", vec!["admin.token_file = 7 ("]),
    ] {
        let content = format!("[cache]\n{}", content.replace("[admin]", "[cache.admin]"));
        let error = match read("toml", &content) {
            Ok(_) if wanted.is_empty() => continue,
            Ok(settings) => panic!("{content} is accepted: {:?}", settings.admin),
            Err(error) => error,
        };
        assert_eq!(error.problems.len(), wanted.len(), "{content}: {error}");
        for wanted in wanted {
            assert!(error.to_string().contains(wanted), "{wanted}: {error}");
        }
    }
    let file = |path: &std::path::Path| format!("[cache.admin]\ntoken_file = {path:?}\n");
    let error = read("toml", &file(&weak)).expect_err("it is weak").to_string();
    assert!(error.contains("too easy to guess") && !error.contains("hunter2"), "{error}");
    let error = read("toml", &file(&missing)).expect_err("it is not there").to_string();
    assert!(error.contains("there is no such file") && error.contains("missing"), "{error}");
    let own = format!("{}enabled = true\naddress = \"0.0.0.0:1\"\n", file(&missing));
    assert_eq!(read("toml", &own).expect_err("no token").problems.len(), 1, "it follows from the file");
}

#[test]
fn variables_that_are_nearly_right_are_told() {
    let weak = read("env", "APEX_CACHE_ADMIN_TOKEN=hunter2").expect_err("it is weak").to_string();
    assert!(weak.contains("APEX_CACHE_ADMIN_TOKEN") && !weak.contains("hunter2"), "{weak}");
    let token = read("env", "APEX_CACHE__ADMIN__TOKEN=hunter2").expect_err("no such key").to_string();
    assert!(token.contains("APEX_CACHE_ADMIN_TOKEN") && !token.contains("hunter2"), "{token}");
    let near = read("env", "APEX_CACHE_ADMIN_ENABLED=true").expect_err("one underscore").to_string();
    assert!(near.contains("two underscores"), "{near}");
    let files = Files::new();
    let path = files.write("token", TOKEN);
    let both = format!("APEX_CACHE__ADMIN__TOKEN_FILE={}\nAPEX_CACHE_ADMIN_TOKEN={TOKEN}", path.display());
    let both = read("env", &both).expect_err("said twice").to_string();
    assert!(both.contains("the same setting") && !both.contains(TOKEN), "{both}");
}

#[test]
fn a_section_of_a_host_that_is_called_so_too_is_none_of_our_business() {
    let error = read("toml", "[admin]\nuser = \"root\"\npassword = \"hunter2\"\n[database]\nx = 1\n");
    let error = error.expect_err("a file of a host");
    assert_eq!(error.problems.len(), 1, "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
