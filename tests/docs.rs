//! Checks that the documents keep up with the code: what exists is named where a reader looks for it.
//!
//! Owns: the list of what must be named. Never: judges wording.

#[path = "tidy/scan.rs"]
#[allow(dead_code, reason = "tidy.rs uses the rest")]
mod scan;

use std::collections::BTreeSet;

use scan::{Source, occurrences, read, root, sources};

/// What actors.md says about each actor, in the section whose heading names it.
const ACTOR_FACTS: &[&str] =
    &["owns", "takes", "sends", "bounds", "timers", "order", "on panic", "on restart", "tests"];

/// The documents at the root whose links are followed.
const DOCUMENTS: &[&str] = &["README.md", "actors.md", "CONTRIBUTING.md", "CHANGELOG.md"];

fn document(name: &str) -> String {
    read(&root().join(name))
}

/// Code of the files below a folder, each without its tests.
fn code_below(folder: &str) -> Vec<Source> {
    let mut found = sources(&[folder]);
    for source in &mut found {
        if let Some(tests) = source.code.find("#[cfg(test)]\nmod tests {") {
            source.code.truncate(tests);
        }
    }
    found
}

fn word_at(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// Names of the types in `code` that implement `interface`, whatever path and generics stand around it.
fn implementors(code: &str, interface: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for at in occurrences(code, interface) {
        let Some(name) = code[at + interface.len()..].trim_start().strip_prefix("for ") else { continue };
        let path = &name[..name.find(['<', '{', ' ', '\n']).unwrap_or(name.len())];
        let name = path.rsplit("::").next().unwrap_or(path);
        // `impl<M: Message> Message for M` is about all of them, not one more.
        if name.len() > 1 {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Names of the types in `code` that bear actix's `#[rtype(..)]`.
fn marked_messages(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for at in occurrences(code, "#[rtype") {
        let rest = &code[at..];
        let declared = ["struct", "enum"].into_iter().filter_map(|word| {
            occurrences(rest, word).next().map(|found| (found, word_at(&rest[found + word.len()..])))
        });
        if let Some((_, name)) = declared.min() {
            names.insert(name.to_owned());
        }
    }
    names
}

fn messages() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in code_below("src/message").into_iter().chain(code_below("src/actor")) {
        names.extend(implementors(&source.code, "Message"));
        names.extend(marked_messages(&source.code));
    }
    names
}

/// Each actor with the file that it lives in.
fn actors() -> Vec<(String, Source)> {
    let named =
        |source: Source| implementors(&source.code, "Actor").into_iter().next().map(|name| (name, source));
    code_below("src/actor").into_iter().filter_map(named).collect()
}

/// The section of `text` under the first heading that names `word`, up to the next heading of its rank.
fn section<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let mut begin = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let rank = line.chars().take_while(|&c| c == '#').count();
        match begin {
            None if rank > 0 && occurrences(line, word).next().is_some() => begin = Some((offset, rank)),
            Some((from, own)) if rank > 0 && rank <= own => return Some(&text[from..offset]),
            _ => {}
        }
        offset += line.len();
    }
    begin.map(|(from, _)| &text[from..])
}

/// Keys of a TOML file, those that are commented out as examples included; names of tables are no keys.
fn keys(toml: &str) -> BTreeSet<&str> {
    let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    toml.lines()
        .filter_map(|line| line.trim_start().trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| key)
        .filter(|key| !key.is_empty() && key.chars().all(is_key))
        .collect()
}

/// Targets of the inline links in `markdown` that lead to files, without their anchors.
fn linked_files(markdown: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        fenced ^= line.trim_start().starts_with("```");
        for rest in line.split("](").skip(1).filter(|_| !fenced) {
            let target = &rest[..rest.find([')', ' ']).unwrap_or(rest.len())];
            let file = target.split('#').next().unwrap_or(target);
            if !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:") {
                found.push(file);
            }
        }
    }
    found
}

fn judge(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}\n  {}", problems.join("\n  "));
}

#[test]
fn the_readers_of_code_and_documents_find_what_is_there() {
    let code = "impl actix::Message for Get { }\nimpl<T: X> Message for Many<T> {}\nimpl Message for crate::message::Set {}";
    assert_eq!(implementors(code, "Message").into_iter().collect::<Vec<_>>(), ["Get", "Many", "Set"]);
    let code = "#[derive(Message)]\n#[rtype(result = \"()\")]\npub(crate) struct Sweep(u8);\nenum Other {}";
    assert_eq!(marked_messages(code).into_iter().collect::<Vec<_>>(), ["Sweep"]);
    let text = "# All\n## Tier\nowns\n### more\ntakes\n## Warmer\nsends\n";
    assert_eq!(section(text, "Tier"), Some("## Tier\nowns\n### more\ntakes\n"));
    assert_eq!(section(text, "Warmer"), Some("## Warmer\nsends\n"));
    assert_eq!(section(text, "Stats"), None);
    let toml = "# Bytes = all\nmax_size_mb = 100\n# ttl = \"24h\"\n[tiers.user]\n  prefixes = []\n";
    assert_eq!(keys(toml).into_iter().collect::<Vec<_>>(), ["max_size_mb", "prefixes", "ttl"]);
    let text = "[a](x.md#y) [b](https://z) ![c](d/e.png)\n```\n[n](o)\n```\n[h](#here)";
    assert_eq!(linked_files(text), ["x.md", "d/e.png"]);
}

#[test]
fn actors_md_names_every_message() {
    let text = document("actors.md");
    let messages = messages();
    assert!(
        messages.len() > 10,
        "only {messages:?} were found below src/message and src/actor; mend this test"
    );
    let missing: Vec<_> =
        messages.into_iter().filter(|name| occurrences(&text, name).next().is_none()).collect();
    judge("actors.md names every message, those between actors and of timers included. It lacks:", &missing);
}

#[test]
fn actors_md_says_everything_about_every_actor_and_its_timers() {
    let text = document("actors.md");
    let actors = actors();
    assert!(
        actors.len() >= 4,
        "fewer actors than supervisor, tier, warmer and stats were found; mend this test"
    );
    let mut problems = Vec::new();
    for (name, source) in actors {
        // A heading may name the type or speak of it: `## TierActor` or `## Tier`.
        let spoken = name.strip_suffix("Actor").unwrap_or(&name);
        let Some(section) = section(&text, &name).or_else(|| section(&text, spoken)) else {
            problems.push(format!("no heading names {name}"));
            continue;
        };
        let section = section.to_lowercase();
        let silent = ACTOR_FACTS.iter().filter(|fact| !section.contains(**fact));
        problems.extend(silent.map(|fact| format!("{name}: nothing about \"{fact}\"")));
        let arms =
            ["run_later", "run_interval", "notify_later"].iter().any(|call| source.code.contains(call));
        let denies = section.lines().any(|line| line.contains("timers") && line.contains("none"));
        if arms && denies {
            problems.push(format!("{name}: it has timers, in {}, and is said to have none", source.path));
        }
    }
    judge("actors.md has a section on every actor.", &problems);
}

#[test]
fn readme_names_every_setting() {
    let readme = document("README.md");
    let settings = document("config/default.toml");
    let keys = keys(&settings);
    assert!(!keys.is_empty(), "no key was found in config/default.toml; mend this test");
    let missing: Vec<_> = keys
        .into_iter()
        .filter(|key| occurrences(&readme, key).next().is_none())
        .map(str::to_owned)
        .collect();
    judge("README.md names every key of config/default.toml. It lacks:", &missing);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut problems = Vec::new();
    for name in DOCUMENTS {
        let text = document(name);
        let broken = linked_files(&text).into_iter().filter(|file| !root().join(file).exists());
        problems.extend(broken.map(|file| format!("{name} links to {file}, which does not exist")));
    }
    judge("A link to a file leads to that file.", &problems);
}
