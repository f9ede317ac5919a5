//! Functions of the host that have the name of a companion already, found in the source around the cached
//! function.
//!
//! Owns: which names are taken where the companions would stand. Never: fails; what cannot be read counts as
//! free.
//!
//! An attribute is given its own function and nothing else, so this reads the file of it. The compiler says
//! where the function is, and its lexer cuts the text into tokens: a mark in front of the function's name
//! shows which braces it stands in. No file is read for tokens unless the text has a definition of such a
//! name somewhere.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;

/// Stands in front of the function's name while its place is looked for.
const MARK: &str = "__apex_cache_is_here";

/// Whether a name is taken.
#[derive(Clone)]
pub(crate) enum Taken {
    No,
    /// By a function that is compiled when this holds.
    If(TokenStream),
    Yes,
}

/// The text around one function.
pub(crate) struct Neighbours {
    function: String,
    text: Option<String>,
    /// Where the function's name begins in it.
    at: usize,
}

impl Neighbours {
    /// Reads the file of `function`.
    pub(crate) fn of(function: &Ident) -> Self {
        let none = Self { function: function.to_string(), text: None, at: 0 };
        if !proc_macro::is_available() {
            return none;
        }
        let span = function.span().unwrap();
        let text = span.local_file().and_then(|path| std::fs::read_to_string(path).ok());
        match text.and_then(|text| Some((place(&text, span.line(), span.column())?, text))) {
            Some((at, text)) if text[at..].starts_with(&none.function) => {
                Self { text: Some(text), at, ..none }
            }
            _ => none,
        }
    }

    /// Whether there is something called `name` in the same module, block, or `impl` of the same type.
    pub(crate) fn take(&self, name: &Ident) -> Taken {
        let name = name.to_string();
        self.found(&name).unwrap_or(Taken::No)
    }

    fn found(&self, name: &str) -> Option<Taken> {
        let text = self.text.as_ref().filter(|text| may_define(text, name))?;
        let (before, after) = text.split_at(self.at);
        let all = TokenStream::from_str(&format!("{before}{MARK} {after}")).ok()?;
        let found = siblings(&all.into_iter().collect::<Vec<_>>(), &self.function, name)?;
        Some(match found.as_slice() {
            [] => Taken::No,
            conditions if conditions.iter().any(Option::is_none) => Taken::Yes,
            conditions => {
                let conditions = conditions.iter().flatten();
                Taken::If(quote!(any(#(#conditions),*)))
            }
        })
    }
}

/// The byte at a line and column, both counted from 1, the latter in characters.
fn place(text: &str, line: usize, column: usize) -> Option<usize> {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(before) => text.match_indices('\n').nth(before)?.0 + 1,
    };
    let (offset, _) = text[start..].char_indices().nth(column.checked_sub(1)?)?;
    Some(start + offset)
}

/// Whether `text` looks as if it defined or imported `name` somewhere. Spares most files the lexer.
fn may_define(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        let word = before.trim_end().rsplit(|c| !is_part(c)).next().unwrap_or_default();
        whole && (DEFINES.contains(&word) || word == "as" || after.trim_start().starts_with([',', ';', '}']))
    })
}

/// Words that stand in front of the name of what cannot be defined twice.
const DEFINES: [&str; 5] = ["fn", "const", "static", "mut", "struct"];

/// For each thing called `name` next to the marked function: under which condition it is compiled, if under
/// any. `None`: the mark is not in `level`.
fn siblings(level: &[TokenTree], function: &str, name: &str) -> Option<Vec<Option<TokenStream>>> {
    let marks = |at: usize| {
        is_word(level.get(at), MARK)
            && at > 0
            && is_word(level.get(at - 1), "fn")
            && is_word(level.get(at + 1), function)
    };
    if (0..level.len()).any(marks) {
        return Some(defined(level, name));
    }
    level.iter().enumerate().find_map(|(at, token)| {
        let TokenTree::Group(group) = token else { return None };
        let inner: Vec<_> = group.stream().into_iter().collect();
        let mut found = siblings(&inner, function, name)?;
        if inner.iter().any(|token| is_word(Some(token), MARK))
            && let Some(ty) = impl_of(&level[..at])
        {
            found.extend(in_other_impls(level, at, &ty, name));
        }
        Some(found)
    })
}

/// What is called `name` in the other `impl` blocks of the type `ty`: those next to the one at `own`, and
/// those in the modules below.
fn in_other_impls(level: &[TokenTree], own: usize, ty: &str, name: &str) -> Vec<Option<TokenStream>> {
    let groups = level.iter().enumerate().filter(|(at, _)| *at != own);
    groups
        .filter_map(|(at, token)| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some((at, group)),
            _ => None,
        })
        .flat_map(|(at, group)| {
            let inner: Vec<_> = group.stream().into_iter().collect();
            if impl_of(&level[..at]).as_deref() == Some(ty) {
                return defined(&inner, name);
            }
            let is_module = at >= 2 && is_word(level.get(at - 2), "mod");
            if is_module && !declares(&inner, ty) {
                return in_other_impls(&inner, usize::MAX, ty, name);
            }
            Vec::new()
        })
        .collect()
}

fn declares(level: &[TokenTree], ty: &str) -> bool {
    level.windows(2).any(|pair| {
        ["struct", "enum", "union", "type"].iter().any(|word| is_word(pair.first(), word))
            && is_word(pair.get(1), ty)
    })
}

/// What is called `name` right in `level`.
fn defined(level: &[TokenTree], name: &str) -> Vec<Option<TokenStream>> {
    let mut found = Vec::new();
    for (at, token) in level.iter().enumerate() {
        let defines = is_word(Some(token), name)
            && at
                .checked_sub(1)
                .is_some_and(|before| DEFINES.iter().any(|word| is_word(level.get(before), word)));
        if defines {
            found.push(condition(&level[..at - 1]));
        } else if is_word(Some(token), "use") {
            let rest = level[at..].iter().take_while(|token| !is_punct(token, ';'));
            if imports(&rest.cloned().collect::<Vec<_>>(), name) {
                found.push(condition(&level[..at]));
            }
        }
    }
    found
}

/// Whether a `use` brings in `name`.
fn imports(tokens: &[TokenTree], name: &str) -> bool {
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => imports(&group.stream().into_iter().collect::<Vec<_>>(), name),
        token => is_word(Some(token), name) && tokens.get(at + 1).is_none_or(|next| is_punct(next, ',')),
    })
}

/// The `cfg` of what begins with the last of `before`: its words and attributes, backwards.
fn condition(before: &[TokenTree]) -> Option<TokenStream> {
    let (mut at, mut conditions) = (before.len(), Vec::new());
    while let Some(token) = at.checked_sub(1).map(|last| &before[last]) {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                if !at.checked_sub(2).is_some_and(|mark| is_punct(&before[mark], '#')) {
                    break;
                }
                conditions.extend(cfg(group));
                at -= 2;
            }
            TokenTree::Group(group) if group.delimiter() != Delimiter::Parenthesis => break,
            TokenTree::Punct(_) => break,
            _ => at -= 1,
        }
    }
    (!conditions.is_empty()).then(|| quote!(all(#(#conditions),*)))
}

/// The condition in `[cfg(..)]`.
fn cfg(attribute: &Group) -> Option<TokenStream> {
    let mut tokens = attribute.stream().into_iter();
    let is_cfg = is_word(tokens.next().as_ref(), "cfg");
    match tokens.next() {
        Some(TokenTree::Group(condition)) if is_cfg => Some(condition.stream()),
        _ => None,
    }
}

/// The name of the type of an `impl` of its own, no trait's, whose head ends where `before` ends.
fn impl_of(before: &[TokenTree]) -> Option<String> {
    let ends = |token: &TokenTree| {
        is_punct(token, ';')
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    };
    let head = &before[before.iter().rposition(ends).map_or(0, |end| end + 1)..];
    let start = head.iter().position(|token| is_word(Some(token), "impl"))?;
    if head[..start].iter().any(|token| is_word(Some(token), "fn")) {
        return None; // it returns an `impl Trait`
    }
    let head = &head[start + 1..];
    let (mut depth, mut name) = (0_i32, None);
    for (at, token) in head.iter().enumerate() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            // Not the `>` of an arrow.
            TokenTree::Punct(punct)
                if punct.as_char() == '>' && !(at > 0 && is_punct(&head[at - 1], '-')) =>
            {
                depth -= 1;
            }
            TokenTree::Ident(word) if depth == 0 && word == "for" => return None,
            TokenTree::Ident(word) if depth == 0 && word == "where" => break,
            TokenTree::Ident(word) if depth == 0 => name = Some(word.to_string()),
            _ => {}
        }
    }
    name
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(other) if other.as_char() == punct)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str, name: &str) -> String {
        let at = text.find("fn api(").expect("it has the function") + 3;
        let neighbours = Neighbours { function: "api".into(), text: Some(text.into()), at };
        match neighbours.found(name) {
            None | Some(Taken::No) => "no".into(),
            Some(Taken::Yes) => "yes".into(),
            Some(Taken::If(condition)) => condition.to_string().replace(' ', ""),
        }
    }

    #[test]
    fn a_neighbour_stands_in_the_same_module_block_or_type() {
        for (text, expected) in [
            ("async fn api() {} fn api_key() {}", "yes"),
            ("fn api_key() {} /* fn api( */ async fn api() {}", "yes"),
            ("async fn api() {} fn f() { fn api_key() {} } // fn api_key()", "no"),
            ("async fn api() { fn api_key() {} }", "no"),
            ("fn f() { async fn api() {} let x = 1; fn api_key() {} }", "yes"),
            ("fn api_key() {} fn f() { async fn api() {} }", "no"),
            ("fn api_key() {} mod m { async fn api() {} }", "no"),
            ("static api_key: u8 = 0; async fn api() {}", "yes"),
            ("use a::{b, c::api_key}; async fn api() {}", "yes"),
            ("use a::other as api_key; async fn api() {}", "yes"),
            ("use a::api_key as other; async fn api() { let x = api_key; }", "no"),
            ("use a::api_key::b; use api_keys; async fn api() { [api_key, 1]; }", "no"),
            ("impl A { async fn api() {} } impl A { fn api_key() {} }", "yes"),
            ("impl A { async fn api() {} fn api_key() {} }", "yes"),
            ("impl A { async fn api() {} } impl B { fn api_key() {} }", "no"),
            ("impl A { async fn api() {} } impl T for A { fn api_key() {} }", "no"),
            ("impl A { async fn api() {} } fn api_key() {}", "no"),
            (
                "impl<T: Fn() -> u8> a::A<T> where T: B { async fn api() {} } impl A<u8> { fn api_key() {} }",
                "yes",
            ),
            ("impl A { async fn api() {} } mod m { impl super::A { fn api_key() {} } }", "yes"),
            ("impl A { async fn api() {} } mod m { struct A; impl A { fn api_key() {} } }", "no"),
            ("m! { async fn api() {} pub(crate) const fn api_key() {} }", "yes"),
            ("fn f() -> impl A { async fn api() {} } impl A { fn api_key() {} }", "no"),
            ("async fn api() {} #[cfg(unix)] pub fn api_key() {}", "any(all(unix))"),
            (
                "async fn api() {} #[cfg(a)] fn api_key() {} #[doc = \"x\"] #[cfg(b)] #[cfg(c)] fn api_key() {}",
                "any(all(a),all(c,b))",
            ),
            ("async fn api() {} #[cfg(a)] fn api_key() {} fn api_key() {}", "yes"),
        ] {
            // The first `fn api(` of a text may stand in a comment.
            let text = text.replace("/* fn api( */", "/* { fn */");
            assert_eq!(taken(&text, "api_key"), expected, "{text}");
        }
    }

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let text = "// ä\nfn f() {}\n  // öö fn\n";
        assert_eq!(place(text, 1, 1), Some(0));
        assert_eq!(place(text, 2, 4).map(|at| &text[at..=at]), Some("f"));
        assert_eq!(place(text, 3, 9).map(|at| &text[at..at + 2]), Some("fn"));
        assert_eq!(place(text, 9, 1), None);
    }
}
