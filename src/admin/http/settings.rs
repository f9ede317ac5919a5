//! What a host says about its admin over HTTP.
//!
//! Owns: the defaults. Never: judges; `access` and `server` do. Never shows the token.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::token::Token;

/// Where the admin listens, who may ask, and under which names it is known.
///
/// Default: `127.0.0.1:9120`, no token. Without a token it shows counts and no keys, and changes nothing.
#[derive(Clone)]
pub struct AdminSettings {
    pub(super) bind: SocketAddr,
    pub(super) token: Option<Token>,
    pub(super) hosts: Vec<String>,
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
            .field("bind", &self.bind)
            .field("token", &token)
            .field("hosts", &self.hosts)
            .finish()
    }
}

impl AdminSettings {
    /// The port that is listened on when nothing else is said, 9120.
    pub const PORT: u16 = 9_120;
    /// The environment variable that [`AdminSettings::token_from_environment`] reads.
    pub const TOKEN_VARIABLE: &str = "APEX_CACHE_ADMIN_TOKEN";

    /// The defaults.
    pub fn new() -> Self {
        let bind = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Self::PORT);
        Self { bind, token: None, hosts: Vec::new() }
    }

    /// Listens on `address`; port 0 takes any that is free. One that other machines reach needs a token.
    pub fn bind(mut self, address: impl Into<SocketAddr>) -> Self {
        self.bind = address.into();
        self
    }

    /// Lets everybody who knows `token` see keys and change things. It must have at least 32 visible ASCII characters and be
    /// hard to guess: see [`random_token`](super::random_token). Kept as its SHA-256 only.
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

    /// Answers requests for the host `name` too, with any port: the name by which browsers and scripts reach the admin.
    /// `localhost`, loopback addresses and the address that is listened on are answered in any case; all else is refused, so
    /// that no foreign page can reach the admin through a name of its own (DNS rebinding).
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }
}
