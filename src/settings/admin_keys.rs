//! The section `admin` of files and the environment, and what is wrong with it.
//!
//! Owns: its keys, how a token comes in, and the limits of an admin. Never: shows a token, or lets one stand in a file of
//! settings.

use std::net::SocketAddr;
use std::path::Path;

use config::{Value, ValueKind};

use super::AdminSettings;
use super::apply::{Apply, Place};
use super::check::Check;
use super::file;
use super::problem::near;
use super::values::{Kind, Raw, Wrong};
use crate::error::Shown;

/// The keys of the section.
const KEYS: [&str; 5] = ["enabled", "required", "address", "hosts", "token_file"];

const ADDRESS: &str = "expected an address with a port, such as \"127.0.0.1:9120\" or \"[::1]:9120\"";
const HOSTS: &str = "expected a list of names such as [\"cache.example.com\"], without scheme, port and path";
const TOKEN_FILE: &str = "expected the path of a file that holds nothing but the token";
const NO_TOKEN: &str = "a token does not belong into settings, which are copied, shown and kept under version control; put it \
                        into the environment variable APEX_CACHE_ADMIN_TOKEN, or into a file of its own and name that in \
                        token_file";

impl Apply {
    /// Takes over a value of the section; `path` begins with its name.
    pub(super) fn of_admin(&mut self, place: &Place, path: &[&str], raw: &Raw, list: Option<&[Value]>) {
        match path[1..] {
            [] => {
                let allowed = format!("expected a table with {}", KEYS.join(", "));
                self.wrong(place, path, raw, &allowed, None);
            }
            ["enabled" | "required"] => {
                let (of_enabled, admin) = (path[1] == "enabled", &mut self.settings.admin);
                let key = if of_enabled { "admin.enabled" } else { "admin.required" };
                match raw.switch() {
                    Ok(on) => {
                        *(if of_enabled { &mut admin.enabled } else { &mut admin.required }) = on;
                        self.note(place, path, key, raw, false);
                    }
                    Err(Wrong(guess)) => self.failed(place, path, key, raw, Kind::Switch.allowed(), guess),
                }
            }
            ["address"] => self.admin_address(place, path, raw),
            ["hosts"] => self.admin_hosts(place, path, raw, list),
            ["token_file"] => match raw.text() {
                Ok(text) => self.admin_token_file(place, path, raw, &text),
                Err(Wrong(guess)) => {
                    self.failed(place, path, "admin.token", raw, String::from(TOKEN_FILE), guess);
                }
            },
            ["token"] => self.failed(place, path, "admin.token", &Raw::Secret, String::from(NO_TOKEN), None),
            _ => self.unknown(place, path, &path[..1], &KEYS),
        }
    }

    /// The token of the environment, in a variable that is named like no setting: it is a secret, and no setting is one.
    pub(super) fn admin_token(&mut self, place: &Place, token: Option<&str>) {
        let path = ["admin", "token"];
        match token {
            Some(token) => {
                self.note(place, &path, "admin.token", &Raw::Secret, false);
                self.settings.admin = self.settings.admin.clone().token(token);
            }
            None => {
                self.failed(place, &path, "admin.token", &Raw::Secret, String::from("expected UTF-8"), None);
            }
        }
    }

    fn admin_address(&mut self, place: &Place, path: &[&str], raw: &Raw) {
        let text = raw.text().or_else(|_| Ok::<_, Wrong>(raw.show())).unwrap_or_default();
        if let Ok(address) = text.parse() {
            self.note(place, path, "admin.address", raw, false);
            self.settings.admin.bind = address;
            return;
        }
        let port = text.strip_prefix("localhost").unwrap_or(&text).trim_start_matches(':');
        let meant = [format!("127.0.0.1:{port}"), format!("{text}:{}", AdminSettings::PORT)];
        let meant = meant.into_iter().find(|meant| meant.parse::<SocketAddr>().is_ok());
        let guess = meant.map(|meant| format!("{meant:?}"));
        self.failed(place, path, "admin.address", raw, String::from(ADDRESS), guess);
    }

    fn admin_hosts(&mut self, place: &Place, path: &[&str], raw: &Raw, list: Option<&[Value]>) {
        let items: Option<Vec<String>> = match (raw, list) {
            (Raw::List, Some(list)) => list.iter().map(|value| Raw::new(&value.kind).text().ok()).collect(),
            (Raw::Untyped(text), _) => Some(text.split(',').map(String::from).collect()),
            _ => None,
        };
        if let Some(hosts) = items {
            self.note(place, path, "admin.hosts", raw, false);
            self.settings.admin.hosts = hosts;
        } else {
            let guess = if let Raw::Text(_) = raw { Some(format!("[{}]", raw.show())) } else { None };
            self.failed(place, path, "admin.hosts", raw, String::from(HOSTS), guess);
        }
    }

    fn admin_token_file(&mut self, place: &Place, path: &[&str], raw: &Raw, file: &str) {
        match file::text(Path::new(file)) {
            Ok(text) => {
                self.note(place, path, "admin.token", raw, false);
                // Editors, and `echo`, end a line.
                let token = text.trim_end_matches(['\r', '\n']);
                self.settings.admin = self.settings.admin.clone().token(token);
            }
            Err(reason) => self.failed(place, path, "admin.token", raw, reason, None),
        }
    }
}

/// Whether a table could be this section, and not one that a host calls so.
pub(super) fn is_section(value: &Value) -> bool {
    let known = |key: &String| near(key, KEYS.into_iter().chain(["token"])).is_some();
    matches!(&value.kind, ValueKind::Table(table) if !table.is_empty() && table.keys().all(known))
}

impl Check<'_> {
    /// What the admin would refuse to start with, told beside all that is wrong elsewhere.
    pub(super) fn admin(&mut self) {
        let admin = &self.settings.admin;
        if let Some(reason) = admin.weakness() {
            let allowed = format!(
                "the token is too easy to guess, {reason}; expected 32 and more random characters, such as \
                 `openssl rand -hex 32` prints"
            );
            self.problem("admin.token", String::new(), allowed, None);
        }
        if let Some(host) = admin.bad_host() {
            self.problem("admin.hosts", Shown::new(host).to_string(), String::from(HOSTS), None);
        }
        if !admin.enabled {
            return;
        }
        if cfg!(not(feature = "admin-http")) {
            let allowed = "this needs the feature \"admin-http\" of the crate apex-cache: add it to features in Cargo.toml, or \
                           set enabled to false";
            self.problem("admin.enabled", String::from("true"), String::from(allowed), None);
        }
        if admin.is_unguarded() && self.known("admin.token") && self.known("admin.address") {
            let allowed = "an address that other machines reach needs a token; set APEX_CACHE_ADMIN_TOKEN or token_file, or use \
                           127.0.0.1";
            self.problem("admin.address", format!("\"{}\"", admin.bind), String::from(allowed), None);
        }
    }
}
