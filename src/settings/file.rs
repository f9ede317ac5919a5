//! From a file to a tree of values, or to one sentence that says why not.
//!
//! Owns: formats, limits on files, where our part of a file begins.
//! Never: repeats the text of a file. It is the host's file, and its other parts may hold secrets; the parsers'
//! own messages quote it, so only their line and column are passed on.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use config::{FileFormat, Format, Value, ValueKind};

/// The largest file that is read, in bytes.
const FILE_MAX: u64 = 1 << 20;
/// The most levels of nesting that YAML may have; its parser would use up the stack on more than it can hold.
const DEPTH_MAX: usize = 128;

pub(super) type Table = HashMap<String, Value>;

/// Our part of a file.
#[derive(Debug)]
pub(super) struct Part {
    /// What stands before each key in messages: `cache.`, or nothing when the whole file is ours.
    pub(super) root: &'static str,
    pub(super) table: Table,
    /// Keys that stand twice in one object and that the parser let pass, as paths from the top.
    pub(super) twice: Vec<Vec<String>>,
}

/// Why there is no such part: the key if it is about one, what was found there, and what is expected.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) allowed: String,
}

impl From<String> for Refusal {
    fn from(allowed: String) -> Self {
        Self { key: "", value: String::new(), allowed }
    }
}

/// Reads the file and finds our part of it.
pub(super) fn read(path: &Path) -> Result<Part, Refusal> {
    let format = format(path)?;
    let text = text(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if says_nothing(text) {
        return Ok(Part { root: "", table: Table::new(), twice: Vec::new() });
    }
    if matches!(format, FileFormat::Yaml) && depth(text) > DEPTH_MAX {
        return Err(format!("expected YAML that is nested at most {DEPTH_MAX} levels deep").into());
    }
    let mut table = format.parse(None, text).map_err(|error| syntax(format, &error.to_string()))?;
    let twice = if matches!(format, FileFormat::Json) { repeated(text) } else { Vec::new() };
    let Some(ours) = table.remove("cache") else {
        return Ok(Part { root: "", table, twice });
    };
    match ours.kind {
        ValueKind::Table(table) => {
            let inside = |path: &Vec<String>| path.first().is_some_and(|first| first == "cache");
            Ok(Part { root: "cache.", table, twice: twice.into_iter().filter(inside).collect() })
        }
        kind => Err(Refusal {
            key: "cache",
            value: super::values::Raw::new(&kind).show(),
            allowed: String::from("expected an object with settings; leave it out for the defaults"),
        }),
    }
}

fn format(path: &Path) -> Result<FileFormat, String> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "toml" => Ok(FileFormat::Toml),
        "json" => Ok(FileFormat::Json),
        "yaml" | "yml" => Ok(FileFormat::Yaml),
        _ => Err(String::from("expected a file that ends in .toml, .json, .yaml or .yml")),
    }
}

/// The text of a file of at most 1 MiB.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => String::from("there is no such file"),
        ErrorKind::PermissionDenied => String::from("the file may not be read; give this user the right to"),
        kind => format!("the file cannot be read: {kind}"),
    };
    // Asked before opening: opening a pipe would wait for somebody to write to it.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a directory" } else { "no plain file" };
        return Err(format!("this is {found}; expected a file"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(format!("expected a file of at most {FILE_MAX} bytes"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("expected UTF-8; byte {} is none", error.utf8_error().valid_up_to()))
}

/// Whether there is nothing but blank lines, comments and YAML's marker of a document.
fn says_nothing(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

/// How deep the blocks of YAML can be nested at most: no deeper than the dashes and indents before any text.
fn depth(text: &str) -> usize {
    let before_text = |line: &str| {
        let is_structure = |letter: &char| matches!(letter, ' ' | '\t' | '-' | '?' | ':');
        line.chars().take_while(is_structure).count().div_ceil(2)
    };
    text.split(['\n', '\r']).map(before_text).max().unwrap_or(0)
}

/// What a parser's message tells that is safe to repeat.
fn syntax(format: FileFormat, message: &str) -> String {
    let (name, position, twice) = match format {
        FileFormat::Toml => {
            let last = message.trim_end().rsplit('\n').next().unwrap_or_default();
            ("TOML", message.find("line "), last.contains("duplicate key"))
        }
        FileFormat::Yaml => ("YAML", message.rfind("line "), message.contains(": duplicated key in mapping")),
        _ => ("JSON", message.rfind("line "), false),
    };
    let numbers: Vec<u32> = message[position.unwrap_or(message.len())..]
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .take(2)
        .collect();
    match (numbers.as_slice(), twice) {
        ([line, ..], true) => format!("expected every key once; see line {line}"),
        ([line, column], false) => format!("expected {name}; it breaks off at line {line}, column {column}"),
        _ => format!(
            "expected one {name} object at the top, and no number, date or key in it that settings cannot hold"
        ),
    }
}

/// An open bracket of a JSON text: the keys of an object so far and the last of them, or no keys in a list.
struct Open<'a> {
    keys: Option<HashSet<&'a str>>,
    last: &'a str,
}

/// The paths of keys that stand twice in one object of a JSON text, which the parser has found to be well-formed.
///
/// The parser would quietly keep the last.
fn repeated(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}', '[', ']', '"']) {
        let (mark, tail) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = tail;
        match mark {
            b'{' => open.push(Open { keys: Some(HashSet::new()), last: "" }),
            b'[' => open.push(Open { keys: None, last: "[]" }),
            b'"' => {
                let (key, after) = tail.split_at(string_end(tail));
                rest = after.get(1..).unwrap_or_default();
                let Some(object) = open.last_mut().filter(|_| rest.trim_start().starts_with(':')) else {
                    continue;
                };
                object.last = key;
                if object.keys.as_mut().is_some_and(|keys| !keys.insert(key)) {
                    found.push(open.iter().map(|open| String::from(open.last)).collect());
                }
            }
            _ => {
                open.pop();
            }
        }
    }
    found
}

/// Where the string ends that `text` begins inside of.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    let ends = |byte: u8| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    };
    text.bytes().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_stand_twice_in_json_are_found_with_their_path() {
        let text = r#"{"a": {"b": 1, "c": ["b", {"d": 1, "d": 2}], "b": "x\"b\":"}, "b": 1, "a": 2}"#;
        assert_eq!(repeated(text), [vec!["a", "c", "[]", "d"], vec!["a", "b"], vec!["a"]]);
        assert!(repeated(r#"{"a": "a", "b": ["a", "a"], "c": {"a": 1}}"#).is_empty());
    }

    #[test]
    fn parsers_messages_are_reduced_to_a_position() {
        for (format, text, expected) in [
            (FileFormat::Toml, "ok = 1\npassword = hunter2\n", "it breaks off at line 2, column 12"),
            (FileFormat::Toml, "a = 1\nb = 2\na = 3\n", "expected every key once; see line 3"),
            (FileFormat::Toml, "a = 99999999999999999999\n", "expected one TOML object"),
            (FileFormat::Json, "{\"password\": hunter2}", "it breaks off at line 1"),
            (FileFormat::Json, "\"hunter2\"", "expected one JSON object"),
            (FileFormat::Yaml, "a: 1\nb: [hunter2\nc: }\n", "expected YAML; it breaks off at line"),
            (FileFormat::Yaml, "hunter2: 1\nhunter2: 2\n", "expected every key once; see line 2"),
            (FileFormat::Yaml, "a: 1\n---\nhunter2: 1\n", "expected one YAML object"),
        ] {
            let error = format.parse(None, text).expect_err(text).to_string();
            let told = syntax(format, &error);
            assert!(told.contains(expected), "{text:?}: {told} ({error})");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
