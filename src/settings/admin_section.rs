//! What a host says about the admin over HTTP: where it listens, who may ask, under which names it is known.
//!
//! Owns: its defaults, and setting it in code; `admin_keys` has files and the environment. Never: listens, or shows the token.
//! Known without the feature `admin-http` too, so that a file that switches the admin on is not passed over in silence.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Settings;
use super::token::Token;

/// Where the admin listens, who may ask, and under which names it is known.
///
/// Default: off, `127.0.0.1:9120`, no token. Without a token it shows counts and no keys, and changes nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminSettings {
    pub(crate) enabled: bool,
    pub(crate) required: bool,
    pub(crate) bind: SocketAddr,
    pub(crate) token: Option<Token>,
    pub(crate) hosts: Vec<String>,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AdminSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.token.is_some() { "set" } else { "none" };
        f.debug_struct("AdminSettings")
            .field("enabled", &self.enabled)
            .field("required", &self.required)
            .field("bind", &self.bind)
            .field("token", &token)
            .field("hosts", &self.hosts)
            .finish()
    }
}

impl AdminSettings {
    /// The port that is listened on when nothing else is said, 9120.
    pub const PORT: u16 = 9_120;
    /// The environment variable that [`AdminSettings::token_from_environment`] and
    /// [`Sources::environment`](super::Sources::environment) read.
    pub const TOKEN_VARIABLE: &str = "APEX_CACHE_ADMIN_TOKEN";

    /// The defaults.
    pub fn new() -> Self {
        let bind = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Self::PORT);
        Self { enabled: false, required: false, bind, token: None, hosts: Vec::new() }
    }

    /// Whether the cache listens on the address from its start to its end, by itself (key `admin.enabled`). Default: false. It
    /// plays no part where a host starts an [`AdminServer`](crate::admin) of its own or mounts the admin into its app.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Whether a cache that listens by itself does not start when its address cannot be listened on (key `admin.required`).
    /// Default: false: the cache runs without its admin, logs why, and tells it in `/cache-info`.
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Listens on `address` (key `admin.address`); port 0 takes any that is free. One that other machines reach needs a token.
    pub fn bind(mut self, address: impl Into<SocketAddr>) -> Self {
        self.bind = address.into();
        self
    }

    /// Lets everybody who knows `token` see keys and change things. It must have at least 32 visible ASCII characters and be
    /// hard to guess, such as one of `apex_cache::admin::http::random_token`. Kept as its SHA-256 only. In files there is no
    /// such key, only `admin.token_file`: files of settings are copied, shown and kept under version control.
    pub fn token(mut self, token: impl AsRef<str>) -> Self {
        self.token = Some(Token::new(token.as_ref()));
        self
    }

    /// As [`AdminSettings::token`], with what stands in the environment variable `APEX_CACHE_ADMIN_TOKEN`; no token when it
    /// is not set. One that is set and empty is refused at the start.
    pub fn token_from_environment(self) -> Self {
        match std::env::var_os(Self::TOKEN_VARIABLE) {
            Some(token) => self.token(token.to_string_lossy()),
            None => self,
        }
    }

    /// Answers requests for the host `name` too, with any port: the name by which browsers and scripts reach the admin (key
    /// `admin.hosts`). `localhost`, loopback addresses and the address that is listened on are answered in any case; all else
    /// is refused, so that no foreign page can reach the admin through a name of its own (DNS rebinding).
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Whether the cache listens by itself: see [`AdminSettings::enabled`].
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Why the token is too easy to guess, if it is.
    pub(crate) fn weakness(&self) -> Option<&'static str> {
        self.token.as_ref().and_then(Token::weakness)
    }

    /// Whether other machines could reach it, and nothing would keep them out.
    pub(crate) fn is_unguarded(&self) -> bool {
        self.token.is_none() && !self.bind.ip().is_loopback()
    }

    /// A name that was given for a host and is none.
    pub(crate) fn bad_host(&self) -> Option<&String> {
        self.hosts.iter().find(|host| !is_host(host))
    }
}

impl Settings {
    /// Sets [`admin`](Self::admin).
    pub fn admin(mut self, admin: AdminSettings) -> Self {
        self.admin = admin;
        self
    }
}

/// A name without scheme, port and path, or an address.
fn is_host(host: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.len() <= 253 && (host.bytes().all(fits) || host.parse::<Ipv6Addr>().is_ok())
}
