//! Who may ask: limits of a head, the name asked for, where the request comes from, the token.
//!
//! Owns: these checks, in this order, before any body is read. Never: shows a token, or tells by its time how much of a
//! guess was right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;

use super::error::AdminError;
use super::refusal::Refusal;
use crate::engine::moment::Moment;
use crate::settings::AdminSettings;
use crate::settings::token::Token;

/// Bytes of path and query.
pub(super) const URL_MAX: usize = 4_096;
/// Bytes of all headers, names and values.
pub(super) const HEADERS_MAX: usize = 16 << 10;

/// What is answered under any name.
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];

/// Wrong tokens that are answered at once, and the time after which one more is.
const ATTEMPTS: u32 = 10;
const ATTEMPT_EACH: Duration = Duration::from_secs(1);
/// How long the answer to a wrong token beyond these is held back. The connection waits as well.
const HELD_BACK: Duration = Duration::from_secs(1);

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) query: &'r str,
    /// The host of the request line, where there is one.
    pub(super) authority: Option<&'r str>,
    /// Names in lower case.
    pub(super) headers: Vec<(&'r str, &'r [u8])>,
}

/// What is asked of everybody, and by what those with the token are known.
#[derive(Debug)]
pub(super) struct Access {
    token: Option<Token>,
    hosts: Vec<String>,
    bound: IpAddr,
    attempts: Mutex<Attempts>,
}

impl Access {
    pub(super) fn of(settings: &AdminSettings) -> Result<Self, AdminError> {
        if let Some(reason) = settings.weakness() {
            return Err(AdminError::WeakToken { reason });
        }
        if let Some(host) = settings.bad_host() {
            return Err(AdminError::BadHost { host: host.clone() });
        }
        Ok(Self {
            token: settings.token.clone(),
            hosts: settings.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            bound: settings.bind.ip(),
            attempts: Mutex::default(),
        })
    }

    /// Whether there is a token at all.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Looks at a head. `Ok` says whether it bears the token.
    pub(super) fn admit(&self, head: &Head<'_>, now: Moment) -> Result<bool, Refusal> {
        let url = head.path.len() + head.query.len();
        if url > URL_MAX {
            return Err(Refusal::new(414, "UrlTooLong", format!("a URL has at most {URL_MAX} bytes")));
        }
        let size: usize = head.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        if size > HEADERS_MAX {
            let words = format!("the headers have at most {HEADERS_MAX} bytes together");
            return Err(Refusal::new(431, "HeadersTooLarge", words));
        }
        if head.method == "GET" && PROBES.contains(&head.path) {
            // Probes and scrapers ask for an address that this server may not know. These show no key and change nothing;
            // a page of somebody else is refused by its Origin all the same.
            let host = only(head, "host").ok().flatten().unwrap_or_default();
            same_origin(head, host)?;
            return self.token(head, now);
        }
        let host = self.host(head)?;
        match same_origin(head, host) {
            Ok(()) => self.token(head, now),
            // A proxy may pass the name on without its port, or with one of its own. No other page knows the token.
            Err(_) if self.is_own_page(head, host) && self.token(head, now)? => Ok(true),
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether the Origin names the host that was asked for, or one that is answered, with whatever port.
    fn is_own_page(&self, head: &Head<'_>, host: &str) -> bool {
        let Ok(Some(origin)) = only(head, "origin") else { return false };
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let Some(name) = own.and_then(name_of) else { return false };
        let is_same_site = matches!(only(head, "sec-fetch-site"), Ok(None | Some("same-origin")));
        let is_known = self.hosts.iter().any(|host| *host == name.to_ascii_lowercase());
        is_same_site && (is_known || name_of(host).is_some_and(|host| host.eq_ignore_ascii_case(name)))
    }

    /// The host that was asked for. A page of somebody else can have its own name point here (DNS rebinding); the browser
    /// then takes this server for that page's, but the request tells that name.
    fn host<'r>(&self, head: &Head<'r>) -> Result<&'r str, Refusal> {
        let refused = |words: &str| Refusal::new(403, "HostRefused", words);
        let host = only(head, "host")
            .map_err(|()| refused("the request has several Hosts, or one that is no text"))?;
        let Some(host) = host else { return Err(refused("the request has no Host")) };
        if head.authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(host)) {
            return Err(refused("the request line names another host than the header Host"));
        }
        let name = name_of(host).ok_or_else(|| refused("the Host is no name of a host with a port"))?;
        let known = match ip(name) {
            Some(ip) => ip.is_loopback() || (ip == self.bound && !ip.is_unspecified()),
            None => name == "localhost",
        };
        if known || self.hosts.iter().any(|host| *host == name.to_ascii_lowercase()) {
            return Ok(host);
        }
        Err(refused(
            "this name is not answered; ask for localhost, or add the name with AdminSettings::allow_host",
        ))
    }

    fn token(&self, head: &Head<'_>, now: Moment) -> Result<bool, Refusal> {
        let wrong = |words: &str| {
            Refusal::new(401, "TokenWrong", words).with("www-authenticate", "Bearer realm=\"apex-cache\"")
        };
        let twice = |()| wrong("the request has more than one Authorization, or one that is no text");
        let Some(given) = only(head, "authorization").map_err(twice)? else { return Ok(false) };
        let token = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if let (Some((_, text)), Some(token)) = (token, &self.token)
            // One with the right token is let in however many wrong ones there were: it cannot be guessed, and nobody
            // shall be kept out by others' guesses.
            && token.is(text.trim_matches(' ').as_bytes())
        {
            return Ok(true);
        }
        if let Err(wait) = self.attempts.lock().note(now) {
            let words = "too many wrong tokens; wait, then try the right one";
            let refusal = Refusal::new(429, "TooManyAttempts", words);
            return Err(refusal.with("retry-after", wait.as_secs().max(1).to_string()).after(HELD_BACK));
        }
        Err(match &self.token {
            None => {
                wrong("no token is configured here, so none is right; leave the header out to look at counts")
            }
            Some(_) => {
                wrong("this is not the token of this admin; it is sent as Authorization: Bearer TOKEN")
            }
        })
    }

    /// What somebody without the token is told who needs it.
    pub(super) fn needed(&self) -> Refusal {
        if self.has_token() {
            let words = "this needs the token, as Authorization: Bearer TOKEN";
            Refusal::new(401, "TokenMissing", words).with("www-authenticate", "Bearer realm=\"apex-cache\"")
        } else {
            let words = "this needs a token and none is configured; set one with AdminSettings::token or in \
                         APEX_CACHE_ADMIN_TOKEN and start again";
            Refusal::new(403, "NoTokenConfigured", words)
        }
    }
}

/// The one header of that name; `Err` when there are several or it is no visible ASCII.
fn only<'r>(head: &Head<'r>, name: &str) -> Result<Option<&'r str>, ()> {
    let mut found = head.headers.iter().filter(|(known, _)| *known == name);
    let Some((_, value)) = found.next() else { return Ok(None) };
    let text = std::str::from_utf8(value).map_err(drop)?;
    let visible = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if found.next().is_some() || !visible { Err(()) } else { Ok(Some(text)) }
}

/// The name in `name:port`, without the brackets of an IPv6 address.
fn name_of(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            name.parse::<Ipv6Addr>().ok()?;
            (name, port.strip_prefix(':').or_else(|| port.is_empty().then_some("0"))?)
        }
        None => host.split_once(':').unwrap_or((host, "0")),
    };
    (port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
        .then_some(name)
        .filter(|name| !name.is_empty())
}

/// An address in its usual form only: `127.1` and `2130706433` are names to everybody else.
fn ip(name: &str) -> Option<IpAddr> {
    name.parse::<Ipv4Addr>().map(IpAddr::V4).or_else(|_| name.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
}

/// Refuses what a page from elsewhere had the browser send. Scripts and curl send none of these headers. Opening the page by
/// a link is no harm: it is a file, and may not stand in a frame.
fn same_origin(head: &Head<'_>, host: &str) -> Result<(), Refusal> {
    let refused = || {
        let words = "requests from another page are refused; open the page of this admin itself";
        Refusal::new(403, "OriginRefused", words)
    };
    if let Some(origin) = only(head, "origin").map_err(|()| refused())? {
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if own.is_none_or(|own| !own.eq_ignore_ascii_case(host)) {
            return Err(refused());
        }
    }
    match only(head, "sec-fetch-site").map_err(|()| refused())? {
        None | Some("same-origin" | "none") => Ok(()),
        _ if head.method == "GET" && only(head, "sec-fetch-mode") == Ok(Some("navigate")) => Ok(()),
        _ => Err(refused()),
    }
}

/// Wrong tokens of late.
#[derive(Debug, Default)]
struct Attempts {
    /// As if each had to wait for the one before: until when that would be.
    busy_until: Option<Moment>,
}

impl Attempts {
    /// Notes one; `Err` says how long it is until the next is answered at once.
    fn note(&mut self, now: Moment) -> Result<(), Duration> {
        let from = self.busy_until.filter(|until| *until > now).unwrap_or(now);
        let ahead = from.since(now);
        let most = ATTEMPT_EACH * (ATTEMPTS - 1);
        if ahead > most {
            return Err(ahead.saturating_sub(most));
        }
        self.busy_until = Some(from.after(ATTEMPT_EACH));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admin::http::random_token;

    fn head<'r>(method: &'r str, headers: &[(&'r str, &'r str)]) -> Head<'r> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        Head { method, path: "/api/stats", query: "", authority: None, headers }
    }

    fn access(settings: &AdminSettings) -> Access {
        Access::of(settings).expect("good settings")
    }

    #[test]
    fn only_names_of_this_machine_and_those_allowed_are_answered() {
        let settings = AdminSettings::new().bind(([192, 168, 7, 9], 80)).allow_host("Cache.Example.com");
        let access = access(&settings);
        let admits = |host: &str| access.admit(&head("GET", &[("host", host)]), Moment::START).is_ok();
        for host in [
            "localhost",
            "localhost:9120",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.7.7.7:80",
            "[::1]",
            "[::1]:9120",
            "192.168.7.9:80",
            "cache.example.com",
            "CACHE.example.com:443",
        ] {
            assert!(admits(host), "{host}");
        }
        for host in [
            "",
            " ",
            ":",
            ":80",
            "evil.com",
            "evil.com:9120",
            "localhost.evil.com",
            "127.0.0.1.evil.com",
            "127.0.0.1:",
            "127.0.0.1:x",
            "127.0.0.1:99999",
            "127.0.0.1:80:80",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0.0.0.0",
            "[::]",
            "192.168.7.8",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:x",
            "[localhost]",
            "localhost@evil.com",
            "evil.com#localhost",
            "localhost/",
            "xn--localhost",
            "localhost\u{e9}",
            "cache.example.com.",
            "[::ffff:127.0.0.1]",
            "user:pass@127.0.0.1",
            "127.0.0.1 evil.com",
        ] {
            assert!(!admits(host), "{host}");
        }
        assert!(access.admit(&head("GET", &[]), Moment::START).is_err(), "no Host at all");
        let twice = head("GET", &[("host", "localhost"), ("host", "localhost")]);
        assert!(access.admit(&twice, Moment::START).is_err());
        let other = Head { authority: Some("evil.com"), ..head("GET", &[("host", "localhost")]) };
        assert!(access.admit(&other, Moment::START).is_err());
    }

    #[test]
    fn other_pages_are_refused_and_scripts_are_not() {
        let access = access(&AdminSettings::new());
        let admits = |method, more: &[(&'static str, &'static str)]| {
            let headers = [&[("host", "localhost:9120")], more].concat();
            access.admit(&head(method, &headers), Moment::START).is_ok()
        };
        assert!(admits("POST", &[]) && admits("POST", &[("origin", "http://localhost:9120")]));
        assert!(
            admits("GET", &[("sec-fetch-site", "same-origin")])
                && admits("GET", &[("sec-fetch-site", "none")])
        );
        assert!(admits("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
        for origin in
            ["null", "http://evil.com", "http://localhost", "http://localhost:9121", "localhost:9120", ""]
        {
            assert!(
                !admits("GET", &[("origin", origin)]) && !admits("POST", &[("origin", origin)]),
                "{origin}"
            );
        }
        for site in ["cross-site", "same-site", "", "Same-Origin"] {
            assert!(!admits("GET", &[("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")]), "{site}");
            assert!(!admits("POST", &[("sec-fetch-site", site), ("sec-fetch-mode", "navigate")]), "{site}");
        }
    }

    #[test]
    fn probes_are_answered_under_any_name_and_nothing_else_is() {
        let access = access(&AdminSettings::new());
        let admits = |method, path, headers: &[(&'static str, &'static str)]| {
            access.admit(&Head { path, ..head(method, headers) }, Moment::START).is_ok()
        };
        for host in
            [&[("host", "10.3.2.1:9120")][..], &[("host", "cache.pod.local")], &[("host", "\u{e9}")], &[]]
        {
            for path in PROBES {
                assert!(admits("GET", path, host), "{path} {host:?}");
            }
            for path in ["/", "/api/stats", "/api/entries", "/metrics/", "/health/../api/entries", ""] {
                assert!(!admits("GET", path, host), "{path} {host:?}");
            }
            assert!(!admits("POST", "/metrics", host));
        }
        let foreign = [("host", "10.3.2.1"), ("origin", "http://evil.com")];
        assert!(!admits("GET", "/metrics", &foreign));
    }

    #[test]
    fn behind_a_proxy_that_drops_the_port_changes_work_with_the_token() {
        let text = random_token();
        let access = access(&AdminSettings::new().token(&text).allow_host("shop.example.com"));
        let (right, wrong) = (format!("Bearer {text}"), format!("Bearer {}", random_token()));
        let admits = |host: &str, origin: &str, token: &str, more: &[(&str, &str)]| {
            let headers = [&[("host", host), ("origin", origin), ("authorization", token)], more].concat();
            access.admit(&head("POST", &headers), Moment::START) == Ok(true)
        };
        for (host, origin) in [
            ("shop.example.com", "https://shop.example.com:8443"),
            ("shop.example.com:8080", "https://shop.example.com"),
            ("Shop.example.com", "https://shop.Example.com:8443"),
            // What the proxy asks is its own name for the service.
            ("127.0.0.1:9120", "https://shop.example.com"),
            ("localhost", "http://localhost:9120"),
        ] {
            assert!(admits(host, origin, &right, &[]), "{host} {origin}");
            assert!(admits(host, origin, &right, &[("sec-fetch-site", "same-origin")]), "{host} {origin}");
            assert!(!admits(host, origin, &right, &[("sec-fetch-site", "same-site")]), "{host} {origin}");
            assert!(!admits(host, origin, &wrong, &[]), "{host} {origin}");
        }
        for (host, origin) in [
            ("shop.example.com", "https://evil.com"),
            ("shop.example.com", "null"),
            ("shop.example.com", "https://shop.example.com.evil.com:8443"),
            ("shop.example.com", "https://shop.example.com:8443@evil.com"),
            ("evil.com", "https://evil.com:8443"),
        ] {
            assert!(!admits(host, origin, &right, &[]), "{host} {origin}");
        }
        let without = head("POST", &[("host", "shop.example.com"), ("origin", "https://shop.example.com:1")]);
        assert!(access.admit(&without, Moment::START).is_err());
    }

    #[test]
    fn the_token_is_recognised_and_guesses_are_slowed_down() {
        let text = random_token();
        let access = access(&AdminSettings::new().token(&text));
        let ask = |given: &str, now| {
            access.admit(&head("GET", &[("host", "localhost"), ("authorization", given)]), now)
        };
        let right = format!("Bearer {text}");
        assert_eq!(access.admit(&head("GET", &[("host", "localhost")]), Moment::START), Ok(false));
        assert_eq!(ask(&right, Moment::START), Ok(true));
        assert_eq!(ask(&format!("bearer {text}"), Moment::START), Ok(true));
        let wrong = [
            "Bearer",
            "Bearer ",
            "Basic YTpi",
            &text,
            &right[..40],
            "Bearer x",
            "",
            "Bearer a b",
            "bearer",
            "x x",
        ];
        assert_eq!(wrong.len(), ATTEMPTS as usize);
        for given in wrong {
            assert_eq!(ask(given, Moment::START).unwrap_err().status, 401, "{given}");
        }
        // What is no text is compared with nothing, so it is no guess.
        assert_eq!(ask("\u{e9}", Moment::START).unwrap_err().status, 401);
        let late = ask("Bearer x", Moment::START).unwrap_err();
        assert_eq!((late.status, late.delay), (429, HELD_BACK));
        assert_eq!(ask(&right, Moment::START), Ok(true), "the right one is never kept out");
        let later = Moment::START.after(ATTEMPT_EACH);
        assert_eq!(ask("Bearer x", later).unwrap_err().status, 401);
        assert_eq!(ask("Bearer x", later).unwrap_err().status, 429);
    }

    #[test]
    fn settings_that_would_be_no_guard_are_refused() {
        let weak = AdminSettings::new().token("hunter2");
        let error = Access::of(&weak).unwrap_err().to_string();
        assert!(error.contains("random_token") && !error.contains("hunter2"), "{error}");
        for host in ["", "http://a", "a:80", "a/b", "a b", "*", "a,b"] {
            assert!(
                matches!(Access::of(&AdminSettings::new().allow_host(host)), Err(AdminError::BadHost { .. })),
                "{host}"
            );
        }
        let shown = format!("{:?} {:?}", weak, access(&AdminSettings::new().token(random_token())));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_head_is_admitted_or_refused(
            host in "\\PC{0,30}|(127.0.0.1|localhost|\\[::1\\]|:|[0-9]){0,4}", origin in "\\PC{0,30}", token in "\\PC{0,30}",
        ) {
            let access = access(&AdminSettings::new());
            let headers = [("host", &*host), ("origin", &*origin), ("authorization", &*token)];
            prop_assert_ne!(access.admit(&head("POST", &headers), Moment::START), Ok(true));
        }
    }
}
