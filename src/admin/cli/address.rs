//! Where the admin is, and the token for it.
//!
//! Owns: the forms in which both may be given. Never: takes a token from an argument, or shows one.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use console::Term;
use ureq::http::Uri;

use super::arguments::HostArguments;
use super::failure::Failure;

pub(super) const URL_VARIABLE: &str = "APEX_CACHE_URL";
pub(super) const TOKEN_VARIABLE: &str = "APEX_CACHE_ADMIN_TOKEN";
pub(super) const DEFAULT: &str = "http://127.0.0.1:9120";

/// What stands before the token in the address that a host prints.
const IN_FRAGMENT: &str = "#token=";
/// Bytes of a file that are looked at.
const FILE_MAX: u64 = 64 << 10;

/// An admin, as it is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Without a slash at its end.
    pub(super) url: String,
    pub(super) token: Option<String>,
}

impl Place {
    /// From the arguments and the environment. What is said nearer to the call is heard.
    pub(super) fn find(host: &HostArguments) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut place = match (&host.url, variable(URL_VARIABLE)) {
            (Some(url), _) if url.contains('#') => {
                return Err(Failure::usage(format!(
                    "--url holds a token, and everybody on this machine can see the arguments of a program; put that \
                     address into {URL_VARIABLE}, or the token into {TOKEN_VARIABLE} or a --token-file"
                )));
            }
            (Some(url), _) => Self::parse(url, "--url")?,
            (None, Some(url)) => Self::parse(&url, URL_VARIABLE)?,
            (None, None) => Self { url: DEFAULT.to_owned(), token: None },
        };
        if let Some(file) = &host.token_file {
            place.token = Some(token_of(&read(file)?, "the token file")?);
        } else if place.token.is_none() {
            let token = variable(TOKEN_VARIABLE);
            place.token = token.map(|token| token_of(&token, TOKEN_VARIABLE)).transpose()?;
        }
        Ok(place)
    }

    fn parse(text: &str, from: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!(
                "the address in {from} {why}; expected one such as {DEFAULT}, with the path where the admin is mounted"
            ))
        };
        let (address, token) = match text.trim().split_once('#') {
            None => (text.trim(), None),
            Some((address, "")) => (address, None),
            Some((address, _)) if !text.contains(IN_FRAGMENT) => {
                (address, Some(Err(wrong("has something behind its # that is no token"))))
            }
            Some((address, _)) => (address, Some(token_of(text, from))),
        };
        if address.starts_with("https://") {
            return Err(Failure::usage(format!(
                "the address in {from} is one for TLS, which this command does not speak; go through a tunnel, such as \
                 ssh -L 9120:127.0.0.1:9120 HOST"
            )));
        }
        let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let uri: Uri = address.parse().map_err(|_| wrong("is none"))?;
        let host = uri.authority().filter(|authority| !authority.host().is_empty());
        let Some(host) = host.filter(|_| uri.scheme_str() == Some("http")) else {
            return Err(wrong("is not one of HTTP"));
        };
        if host.as_str().contains('@') {
            return Err(wrong("holds a name or a password; the admin knows tokens only"));
        }
        if uri.query().is_some() {
            return Err(wrong("holds a question mark"));
        }
        let url = format!("http://{host}{}", uri.path().trim_end_matches('/'));
        Ok(Self { url, token: token.transpose()? })
    }
}

/// The token in `text`: all of it, or what an address has behind its `#token=`.
fn token_of(text: &str, from: &str) -> Result<String, Failure> {
    let token = text.split_once(IN_FRAGMENT).map_or(text, |(_, token)| token).trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage(format!(
            "what stands in {from} is no token: a token is one line of visible ASCII characters; nothing of it was sent"
        )));
    }
    Ok(token.to_owned())
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let done = if file.as_os_str() != "-" {
        std::fs::File::open(file).and_then(|file| file.take(FILE_MAX).read_to_string(&mut text))
    } else if std::io::stdin().is_terminal() {
        let terminal = Term::stderr();
        let asked = terminal.write_str("Token: ").and_then(|()| terminal.read_secure_line());
        asked.map(|line| text.push_str(&line)).map(|()| 0)
    } else {
        std::io::stdin().take(FILE_MAX).read_to_string(&mut text)
    };
    let name = file.display();
    done.map(|_| text)
        .map_err(|error| Failure::usage(format!("the token file {name} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_hosts_print_them_and_as_people_shorten_them() {
        let place = |text: &str| Place::parse(text, "x").map(|place| (place.url, place.token));
        for (text, url, token) in [
            ("http://127.0.0.1:9120/#token=abc", "http://127.0.0.1:9120", Some("abc")),
            (
                "http://127.0.0.1:9120/admin/cache/#token=abc\n",
                "http://127.0.0.1:9120/admin/cache",
                Some("abc"),
            ),
            ("http://127.0.0.1:9120/#", "http://127.0.0.1:9120", None),
            ("127.0.0.1:9120", "http://127.0.0.1:9120", None),
            ("localhost/admin", "http://localhost/admin", None),
            ("[::1]:9120", "http://[::1]:9120", None),
        ] {
            let wanted = Ok((url.to_owned(), token.map(str::to_owned)));
            assert_eq!(place(text).map_err(|failure| failure.message().to_owned()), wanted, "{text}");
        }
        for (text, words) in [
            ("https://127.0.0.1", "TLS"),
            ("ftp://127.0.0.1", "HTTP"),
            ("http://", "is none"),
            ("", "is none"),
            ("http://ann:secret@host", "password"),
            ("http://host/?a=b", "question mark"),
            ("http://host/#page", "no token"),
            ("http://host/#token=", "is no token"),
            ("http://host/#token=a\u{1b}b", "is no token"),
            ("http://a b/", "is none"),
        ] {
            let failure = place(text).expect_err(text);
            assert!(failure.message().contains(words), "{text}: {}", failure.message());
            assert!(!failure.message().contains("secret"), "{text}: {}", failure.message());
        }
    }
}
