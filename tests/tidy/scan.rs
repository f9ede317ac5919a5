//! Reads Rust sources as text: which files there are, which of their characters are code, where functions begin and end.
//!
//! Owns: the walk and the blanking of comments and literals. Never: knows a rule; those stand in `tidy.rs` and `docs.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: as written, and with comments and the contents of literals blanked, line for line.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) code: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// Every Rust file below these folders. A folder that is not there (a published archive has no benches) has none.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = read(path);
            let shown = path.strip_prefix(root()).expect("collected below the root").display().to_string();
            Source { path: shown.replace('\\', "/"), code: blank(&text), text }
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder that can be opened can be listed").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

pub(crate) fn everything() -> Vec<Source> {
    let all = sources(&["src", "macros", "tests", "examples", "benches"]);
    assert!(all.iter().any(|source| source.path == "src/lib.rs"), "the walk found no src/lib.rs");
    all
}

/// `text` with comments and the insides of string and character literals replaced by blanks; newlines stay.
pub(crate) fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment_end(&chars, at);
        if end > at {
            code.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            code.push(chars[at]);
            at += 1;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn literal_or_comment_end(chars: &[char], at: usize) -> usize {
    let next = |offset: usize| chars.get(at + offset).copied();
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next(1) == Some('/') => find(chars, at, |c| c == '\n'),
        '/' if next(1) == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        'r' if !in_word || chars[at - 1] == 'b' || chars[at - 1] == 'c' => raw_string_end(chars, at),
        // 'x' and '\n' are characters, 'a in `&'a str` is a lifetime.
        '\'' if next(1) == Some('\\') => find(chars, at + 3, |c| c == '\'') + 1,
        '\'' if next(2) == Some('\'') => at + 3,
        _ => at,
    }
    .min(chars.len())
}

fn find(chars: &[char], from: usize, is: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&at| is(chars[at])).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0_usize, at);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_string_end(chars: &[char], at: usize) -> usize {
    let quote = find(chars, at + 1, |c| c != '#');
    if chars.get(quote) != Some(&'"') {
        return at; // a name that begins with r, or r#type
    }
    let hashes = quote - at - 1;
    let closes = |end: usize| (1..=hashes).all(|offset| chars.get(end + offset) == Some(&'#'));
    (quote + 1..chars.len())
        .find(|&end| chars[end] == '"' && closes(end))
        .map_or(chars.len(), |end| end + hashes + 1)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `code` by itself: neither end runs on into a longer name.
pub(crate) fn occurrences<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let glued =
        |side: Option<char>, edge: Option<char>| side.is_some_and(is_word) && edge.is_some_and(is_word);
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let (before, after) = (code[..at].chars().next_back(), code[at + word.len()..].chars().next());
        !glued(before, word.chars().next()) && !glued(after, word.chars().next_back())
    })
}

pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Name, first line and number of lines of every function with a body in `code`.
pub(crate) fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let mut found = Vec::new();
    for at in occurrences(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        if name.is_empty() {
            continue; // the type of a function pointer
        }
        let (mut brackets, mut braces, mut end) = (0_i32, 0_i32, None);
        for (offset, character) in code[at..].char_indices() {
            match character {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets -= 1,
                ';' if braces == 0 && brackets == 0 => break,
                '{' => braces += 1,
                '}' => {
                    braces -= 1;
                    if braces == 0 {
                        end = Some(at + offset);
                        break;
                    }
                }
                _ => {}
            }
        }
        if let Some(end) = end {
            found.push((name, line_of(code, at), line_of(code, end) - line_of(code, at) + 1));
        }
    }
    found
}
