//! Checks the habits that a reviewer would otherwise have to remember, by reading the sources as text.
//!
//! Owns: sizes, headers, direction of imports, words that have no business here, number of crates. Never: judges what
//! the compiler or clippy can judge. Each exception stands in a list with its reason, and goes when it is not needed.

#[path = "tidy/scan.rs"]
mod scan;

use std::fs;
use std::process::Command;

use scan::{blank, everything, functions, line_of, occurrences, root, sources};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const CRATES_MAX: usize = 80;

/// Files that may be longer, each with the reason. Empty is best.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer: file, name, reason. Empty is best.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// What code below a folder must not name. Imports go downward only:
/// handle, admin -> actor -> message, loader, settings -> engine -> error.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "src/engine/",
        &[
            "actix",
            "tokio",
            "tracing",
            "Instant::now",
            "SystemTime",
            "std::fs",
            "std::net",
            "crate::actor",
            "crate::admin",
            "crate::handle",
            "crate::loader",
            "crate::message",
            "crate::settings",
        ],
    ),
    // A client of the admin over HTTP, as anybody could write one.
    ("src/admin/cli/", &["crate::actor", "crate::engine", "crate::handle", "crate::message"]),
    ("src/message/", &["crate::admin", "crate::handle"]),
    ("src/settings/", &["crate::actor", "crate::admin", "crate::handle"]),
    ("src/codec/", &["crate::actor", "crate::admin", "crate::handle"]),
    ("src/actor/", &["crate::admin", "crate::handle"]),
];

/// Fails with every problem at once, under the rule that they break.
fn judge(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}\n  {}", problems.join("\n  "));
}

#[test]
fn literals_and_comments_are_blanked_and_lifetimes_are_not() {
    let text =
        "fn a<'a>(c: &'a str) { // b {\n\"}\\\"{\" r#\"{\"\"# b\"{\" '{' '\\'' /* { /* } */ { */ r#in }";
    let code = blank(text);
    assert_eq!(code.chars().filter(|&c| c == '{').count(), 1, "{code}");
    assert!(code.starts_with("fn a<'a>(c: &'a str) { ") && code.ends_with("r#in }"), "{code}");
    assert_eq!(functions(&code), [("a", 1, 2)]);
    assert_eq!(functions("fn f() -> [u8; 2] {\n}\nfn g();\ntype F = fn(u8);"), [("f", 1, 2)]);
    assert_eq!(occurrences("todo!() mytodo! todos", "todo!").count(), 1);
}

#[test]
fn every_source_file_says_what_it_is() {
    let silent: Vec<_> = sources(&["src", "macros", "examples", "tests", "benches"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    judge("A file begins with `//!`: what it is, what it owns, what it never does.", &silent);
}

#[test]
fn files_are_short_enough_to_be_read_at_a_sitting() {
    let long: Vec<_> = everything()
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > FILE_LINES_MAX)
        .collect();
    let mut problems: Vec<_> = long
        .iter()
        .filter(|(_, path)| !LONG_FILES.iter().any(|(allowed, _)| allowed == path))
        .map(|(lines, path)| format!("{path} has {lines} lines"))
        .collect();
    let idle = LONG_FILES.iter().filter(|(allowed, _)| !long.iter().any(|(_, path)| path == allowed));
    problems.extend(idle.map(|(allowed, _)| format!("{allowed} needs no place in LONG_FILES any more")));
    judge("A file has at most 600 lines; split it by what its parts own.", &problems);
}

#[test]
fn functions_are_short_enough_to_be_seen_at_once() {
    let mut problems = Vec::new();
    let mut used = Vec::new();
    for source in everything() {
        for (name, line, lines) in functions(&source.code).into_iter().filter(|f| f.2 > FUNCTION_LINES_MAX) {
            match LONG_FUNCTIONS.iter().find(|allowed| (allowed.0, allowed.1) == (source.path.as_str(), name))
            {
                Some(allowed) => used.push(allowed),
                None => problems.push(format!("{}:{line} {name} has {lines} lines", source.path)),
            }
        }
    }
    let idle = LONG_FUNCTIONS.iter().filter(|allowed| !used.contains(allowed));
    problems.extend(
        idle.map(|(path, name, _)| format!("{path} {name} needs no place in LONG_FUNCTIONS any more")),
    );
    judge("A function has at most 70 lines; give a step of it a name.", &problems);
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let is_root = |path: &str| {
        path.ends_with("/src/lib.rs")
            || path.ends_with("/src/main.rs")
            || path.contains("/src/bin/")
            || path == "src/lib.rs"
    };
    let mut problems: Vec<_> = sources(&["src", "benches", "macros"])
        .into_iter()
        .filter(|source| is_root(&source.path) && !source.code.contains("#![forbid(unsafe_code)]"))
        .map(|source| format!("{} lacks #![forbid(unsafe_code)]", source.path))
        .collect();
    // Tests and examples are crates of their own; the lints of the workspace reach them. A published archive has no
    // workspace: cargo writes the lints themselves into its manifest.
    for manifest in ["Cargo.toml", "benches/Cargo.toml", "macros/Cargo.toml"] {
        let Ok(text) = fs::read_to_string(root().join(manifest)) else { continue };
        let inherits = text.contains("[lints]\nworkspace = true");
        if !inherits && !text.contains("unsafe_code = \"forbid\"") {
            problems.push(format!("{manifest} lacks [lints] workspace = true"));
        }
        if manifest == "Cargo.toml" && !text.contains("unsafe_code = \"forbid\"") {
            problems.push(format!("{manifest} lacks unsafe_code = \"forbid\""));
        }
    }
    judge("There is no unsafe code: what needs it comes from a well-kept crate.", &problems);
}

#[test]
fn imports_go_downward_only() {
    let mut problems = Vec::new();
    for source in sources(&["src"]) {
        for (folder, refused) in REFUSED.iter().filter(|(folder, _)| source.path.starts_with(folder)) {
            for word in *refused {
                // `use crate::{handle::Cache}` and `super::super::handle` name the module as well.
                let module = word.strip_prefix("crate::").map(|module| format!("{module}::"));
                let plain = occurrences(&source.code, word);
                let hits: Vec<_> = match &module {
                    Some(module) => plain.chain(occurrences(&source.code, module)).collect(),
                    None => plain.collect(),
                };
                for at in hits {
                    let line = line_of(&source.code, at);
                    problems
                        .push(format!("{}:{line} names {word}, which {folder} must not know", source.path));
                }
            }
        }
    }
    judge("Imports go downward only, and the engine knows no runtime, log, clock or file.", &problems);
}

/// Modules that everything may name, and the modules of ours that they may name themselves.
const LOWEST: &[(&str, &[&str])] = &[("src/error", &[]), ("src/telemetry", &["error"])];

#[test]
fn error_and_telemetry_import_nothing_else_of_ours() {
    let (mut problems, mut files) = (Vec::new(), 0);
    for source in sources(&["src"]) {
        let own = |start: &&(&str, &[&str])| {
            source.path.strip_prefix(start.0).is_some_and(|rest| rest.starts_with(['.', '/', '_']))
        };
        let Some((start, allowed)) = LOWEST.iter().find(own) else { continue };
        files += 1;
        // In the module's own file `super` is the crate, but within the module of its tests.
        let is_top = source.path.strip_prefix(start).is_some_and(|rest| rest == ".rs");
        for (line, path) in ours(&source.code, is_top) {
            if !allowed.contains(&path.as_str()) {
                problems.push(format!("{}:{line} names {path}", source.path));
            }
        }
    }
    assert!(files >= 5, "only {files} files were looked at");
    judge("What everything may name names nothing else of ours: callers pass names and numbers.", &problems);
}

/// The modules and items of this crate that `code` names by a path from its root, with the line of each; `?` where it names
/// several at once, or the root itself. `is_top`: a `super` outside of a module is the root, too.
fn ours(code: &str, is_top: bool) -> Vec<(usize, String)> {
    let after = |at: usize, word: &str| {
        let path = code[at + word.len()..].trim_start().strip_prefix("::")?.trim_start();
        Some(path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
    };
    let mut found = Vec::new();
    for root in ["crate", "apex_cache", "super"] {
        for at in occurrences(code, root) {
            let before = code[..at].trim_end();
            let is_root = match root {
                "super" => is_top && !before.contains("mod tests {") || before.ends_with("super::"),
                // `pub(crate)` and `in crate` say who may look, and name nothing.
                _ => !(before.ends_with('(') && code[at + root.len()..].starts_with(')')),
            };
            if is_root {
                let path = after(at, root).filter(|path| !path.is_empty()).unwrap_or_else(|| "?".to_owned());
                found.push((line_of(code, at), path));
            }
        }
    }
    found
}

#[test]
fn a_path_from_the_root_is_found_wherever_it_stands() {
    let names = |code: &str, is_top| ours(code, is_top).into_iter().map(|(_, path)| path).collect::<Vec<_>>();
    assert_eq!(
        names("use crate::actor::Who;\nfn f(key: &crate :: engine::Key) {}", true),
        ["actor", "engine"]
    );
    assert_eq!(names("macro_rules! m { () => { $crate::handle::get() } }", false), ["handle"]);
    assert_eq!(names("use crate::{admin, engine};\nuse crate as root;", false), ["?", "?"]);
    assert_eq!(
        names("pub(crate) fn f() {}\nuse super::actor;\nuse apex_cache::Key;", true),
        ["Key", "actor"]
    );
    assert_eq!(names("fn f() {\n    super::engine::f()\n}", true), ["engine"]);
    assert_eq!(names("use super::Shown;\nuse super::super::engine;", false), ["engine"]);
    assert!(names("pub(crate) mod m;\nmod tests {\n    use super::*;\n}", true).is_empty());
}

#[test]
fn nothing_is_left_for_later() {
    let mut problems = Vec::new();
    for source in everything() {
        for word in ["todo!", "unimplemented!", "dbg!", "#[ignore"] {
            let lines = occurrences(&source.code, word).map(|at| line_of(&source.code, at));
            problems.extend(lines.map(|line| format!("{}:{line} has {word}", source.path)));
        }
    }
    judge("What is in the tree works and is tested.", &problems);
}

#[test]
fn nobody_sleeps_outside_of_env() {
    let mut problems = Vec::new();
    for source in sources(&["src", "tests"]) {
        if source.path == "src/env.rs" || source.path.starts_with("src/env/") {
            continue;
        }
        for word in ["sleep(", "sleep_until("] {
            for at in occurrences(&source.code, word) {
                // `env.sleep(..)` asks the clock in force, which a test moves by hand.
                if !source.code[..at].ends_with('.') {
                    problems.push(format!("{}:{} has {word}..)", source.path, line_of(&source.code, at)));
                }
            }
        }
    }
    judge(
        "Wait for a reply, or let the Env wait: a test that sleeps is slow and wrong on a busy day.",
        &problems,
    );
}

#[test]
fn comments_stand_without_numbered_requirements() {
    let mut problems = Vec::new();
    for source in everything() {
        for (number, (text, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
            // A bracket that blanking took away stands in a comment or a literal.
            let blanked =
                text.chars().zip(code.chars()).enumerate().filter(|(_, (t, c))| (*t, *c) == ('(', ' '));
            let mut insides = blanked.map(|(at, _)| text.chars().skip(at + 1).take(5).collect::<String>());
            if insides.any(|inside| begins_with_number(&inside)) {
                problems.push(format!("{}:{}: {}", source.path, number + 1, text.trim()));
            }
        }
    }
    judge("Say what is wanted, not the number under which somebody once filed it.", &problems);
}

/// Whether the text after a bracket is like `P12)` or `S1, S2)`.
fn begins_with_number(inside: &str) -> bool {
    let Some(rest) = inside.strip_prefix(['A', 'C', 'F', 'M', 'P', 'S']) else { return false };
    let digits = rest.chars().take_while(char::is_ascii_digit).count();
    (1..=3).contains(&digits) && rest[digits..].starts_with([')', ',', ';', ':', '-', '.'])
}

#[test]
fn a_requirement_number_is_told_from_other_brackets() {
    assert!(begins_with_number("P12) holds") && begins_with_number("S1, S2)"));
    assert!(
        !begins_with_number("Promise 12)") && !begins_with_number("P12th)") && !begins_with_number("x12)")
    );
}

#[test]
fn a_host_takes_in_few_crates() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-p", "apex-cache", "-e", "normal,build", "--prefix", "none", "--offline"])
        .current_dir(root())
        .output();
    let tree = match tree {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        // A package that is not downloaded cannot be asked offline.
        Ok(output) => return eprintln!("not checked: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => return eprintln!("not checked: cargo cannot be run here: {error}"),
    };
    let mut crates: Vec<_> =
        tree.lines().filter_map(|line| line.strip_suffix(" (*)").or(Some(line))).collect();
    crates.retain(|line| !line.is_empty());
    crates.sort_unstable();
    crates.dedup();
    assert!(
        crates.len() <= CRATES_MAX,
        "the default tree has {} crates, {CRATES_MAX} are allowed; do without one, or put it behind a feature:\n{}",
        crates.len(),
        crates.join("\n")
    );
}
