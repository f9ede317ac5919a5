//! One admin, asked over HTTP.
//!
//! Owns: the limits on every answer, in bytes and in time, and what each kind of answer means. Never: follows to another
//! address or goes through a proxy (either would be given the token), or trusts what comes back.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION};
use ureq::{Agent, Body, Error, RequestBuilder};

use super::address::{Place, TOKEN_VARIABLE, URL_VARIABLE};
use super::answers::Refused;
use super::arguments::HostArguments;
use super::failure::{Exit, Failure};

/// Bytes of an answer. A thousand entries with the longest keys have about 2 MiB.
const ANSWER_MAX: u64 = 16 << 20;
/// The admin sends a sign of life every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// An answer: the document as it came, and what was understood of it.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) document: Value,
    pub(super) read: T,
}

#[derive(Debug, Clone)]
pub(super) struct Client {
    url: String,
    token: Option<String>,
    timeout: Duration,
    /// For answers that end.
    answers: Agent,
    /// For those that do not.
    streams: Agent,
}

impl Client {
    pub(super) fn new(host: &HostArguments) -> Result<Self, Failure> {
        let Place { url, token } = Place::find(host)?;
        let timeout = host.timeout;
        let common = || {
            Agent::config_builder()
                .proxy(None)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .user_agent(concat!("apex-cache/", env!("CARGO_PKG_VERSION")))
        };
        let answers = common().timeout_global(Some(timeout)).build().into();
        let streams = common()
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(SILENCE_MAX))
            .build()
            .into();
        Ok(Self { url, token, timeout, answers, streams })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether there is a token to show.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer<T>, Failure> {
        let request = self.answers.get(format!("{}{path}", self.url)).query_pairs(query.iter().copied());
        let response = self.known(request).call().map_err(|error| self.unreachable(&error))?;
        self.read(response, &[])
    }

    /// As [`Client::get`], where the answer 503 is one like any other.
    pub(super) fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, Failure> {
        let request = self.answers.get(format!("{}{path}", self.url));
        let response = self.known(request).call().map_err(|error| self.unreachable(&error))?;
        self.read(response, &[503])
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, Failure> {
        let request = self.answers.post(format!("{}{path}", self.url)).content_type("application/json");
        let response =
            self.known(request).send(body.to_string()).map_err(|error| self.unreachable(&error))?;
        self.read(response, &[])
    }

    /// Opens a stream of events.
    pub(super) fn stream(&self, query: &[(&str, &str)]) -> Result<Body, Failure> {
        let request =
            self.streams.get(format!("{}/api/events", self.url)).header(ACCEPT, "text/event-stream");
        let request = self.known(request.query_pairs(query.iter().copied()));
        let response = request.call().map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.read::<Value>(response, &[]).err().unwrap_or_else(|| self.no_admin()));
        }
        if response.body().mime_type() != Some("text/event-stream") {
            return Err(self.no_admin());
        }
        Ok(response.into_body())
    }

    fn known<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        response: Response<Body>,
        also: &[u16],
    ) -> Result<Answer<T>, Failure> {
        let status = response.status().as_u16();
        let body = response.into_body().into_with_config().limit(ANSWER_MAX).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        let document: Value = serde_json::from_slice(&body).map_err(|_| self.no_admin())?;
        let good =
            (200..300).contains(&status) || (also.contains(&status) && document.get("error").is_none());
        if !good {
            return Err(self.refused(status, document));
        }
        // In two steps, so that all of what the admin said can be shown, what this version does not know included.
        let read = T::deserialize(&document).map_err(|_| self.no_admin())?;
        Ok(Answer { document, read })
    }

    fn refused(&self, status: u16, document: Value) -> Failure {
        let Ok(Refused { error }) = serde_json::from_value(document) else { return self.no_admin() };
        let (exit, more) = match (status, &*error.kind) {
            (401, "TokenMissing") => (
                Exit::Token,
                format!(
                    "; give it in {TOKEN_VARIABLE}, in {URL_VARIABLE} as the host prints it, or in a --token-file"
                ),
            ),
            (401, _) | (_, "NoTokenConfigured" | "TooManyAttempts") => (Exit::Token, String::new()),
            (400, _) => (Exit::Usage, String::new()),
            _ => (Exit::Refused, String::new()),
        };
        Failure::new(exit, &error.kind, error.message + &more)
    }

    fn no_admin(&self) -> Failure {
        Failure::unreachable(format!(
            "what answers at {} is no admin of Apex Cache, or one of another version; look at the address, and at the path \
             where the admin is mounted",
            self.url
        ))
    }

    pub(super) fn unreachable(&self, error: &Error) -> Failure {
        let why = match error {
            Error::Timeout(ureq::Timeout::PerRead) => "nothing more came".to_owned(),
            Error::Timeout(_) => format!("no answer came within {}", crate::admin::text::time(self.timeout)),
            Error::HostNotFound => "there is no host of that name".to_owned(),
            Error::BodyExceedsLimit(most) => format!("its answer has more than {most} bytes"),
            Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                "nobody listens there".to_owned()
            }
            Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                "it closed the connection".to_owned()
            }
            Error::Protocol(_) | Error::Http(_) => "what it sends is no HTTP".to_owned(),
            other => other.to_string(),
        };
        let message = format!(
            "the admin at {} cannot be asked: {why}; is the host running, with its admin started? Another address is given in \
             {URL_VARIABLE} or as --url",
            self.url
        );
        Failure::unreachable(message).in_brief(why)
    }
}
