//! The admin as a tower service, called as a router would.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use apex_cache::Cache;
use apex_cache::admin::http::{Admin, AdminBody, AdminService, AdminSettings, random_token};
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame};
use tower_service::Service;

/// A body that comes in pieces.
struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

struct Front {
    runtime: tokio::runtime::Runtime,
    cache: Cache,
    service: AdminService,
    token: String,
    audited: Arc<Mutex<Vec<String>>>,
}

impl Front {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (token, audited) = (random_token(), Arc::<Mutex<Vec<String>>>::default());
        let ear = Arc::clone(&audited);
        let builder = Cache::builder().audit(move |event| {
            let told = format!("{} {} {}", event.who, event.what, event.scope);
            ear.lock().expect("nobody panics with it").push(told);
        });
        let cache = runtime.block_on(builder.start()).expect("default settings start");
        let admin = Admin::new(&cache, &AdminSettings::new().token(&token)).expect("good settings");
        let who = |head: &http::request::Parts| head.headers.get("x-user")?.to_str().ok().map(str::to_owned);
        Self { runtime, cache, service: admin.service("/admin/cache").who(who), token, audited }
    }

    fn call(&self, request: Request<Pieces>) -> Response<AdminBody> {
        let mut service = self.service.clone();
        self.runtime.block_on(async { service.call(request).await.unwrap_or_else(|never| match never {}) })
    }

    /// The next piece of the answer's body.
    fn piece(&self, response: &mut Response<AdminBody>) -> Option<Bytes> {
        let frame = poll_fn(|cx| Pin::new(response.body_mut()).poll_frame(cx));
        let frame = self.runtime.block_on(frame)?.unwrap_or_else(|never| match never {});
        frame.into_data().ok()
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[&str]) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:3000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let pieces = body.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect();
        let mut response = self.call(request.body(Pieces(pieces)).expect("a request"));
        let text = self.piece(&mut response).map(|text| String::from_utf8(text.to_vec()).expect("text"));
        assert!(self.piece(&mut response).is_none() && response.body().is_end_stream());
        (response.status().as_u16(), text.unwrap_or_default())
    }
}

#[test]
fn the_page_and_its_files_lie_below_the_path_and_nothing_else_does() {
    let front = Front::new();
    let get = |path: &str| front.ask("GET", path, &[], &[]);
    let (status, page) = get("/admin/cache/");
    assert!(status == 200 && page.contains("<html"), "{page}");
    assert_eq!(get("/admin/cache/health").0, 200);
    for path in [
        "/",
        "/admin",
        "/admin/cachex",
        "/admin/cache//",
        "/admin/cache/nothing",
        "/health",
        "/x/admin/cache/",
    ] {
        assert_eq!(get(path).0, 404, "{path}");
    }
    let request = Request::get("/admin/cache").header("host", "localhost").body(Pieces(VecDeque::new()));
    let response = front.call(request.unwrap());
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (308, &"cache/".parse().unwrap())
    );
    assert_eq!(response.headers()["x-frame-options"], "DENY");
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let root = Admin::new(&front.cache, &AdminSettings::new()).unwrap().service("");
    let root = Front { service: root, ..Front::new() };
    assert_eq!(root.ask("GET", "/", &[], &[]).0, 200);
    assert_eq!(root.ask("GET", "/health", &[], &[]).0, 200);
}

#[test]
fn the_same_guards_stand_in_front_of_it() {
    let front = Front::new();
    front.runtime.block_on(async { front.cache.set("products::1", "x").await }).unwrap();
    let bearer = format!("Bearer {}", front.token);
    let token = ("authorization", bearer.as_str());
    let json = ("content-type", "application/json");
    let entries = "/admin/cache/api/entries";
    assert_eq!(front.ask("GET", entries, &[], &[]).0, 401);
    assert_eq!(front.ask("GET", entries, &[("authorization", "Bearer x")], &[]).0, 401);
    assert_eq!(front.ask("GET", entries, &[token, ("origin", "http://evil.example")], &[]).0, 403);
    assert!(front.ask("GET", entries, &[token], &[]).1.contains("products::1"));
    let clear = "/admin/cache/api/clear";
    assert_eq!(front.ask("POST", clear, &[token], &["{}"]).0, 415);
    assert_eq!(front.ask("GET", clear, &[token], &[]).0, 405);
    let large = "x".repeat(40_000);
    assert_eq!(front.ask("POST", clear, &[token, json], &[&large, &large]).0, 413);
    assert_eq!(front.ask("POST", clear, &[token, json, ("content-length", "70000")], &["{}"]).0, 413);
    assert!(front.cache.contains("products::1").unwrap());
    assert!(front.audited.lock().unwrap().is_empty());
    let (status, text) =
        front.ask("POST", clear, &[token, json, ("x-user", "ann")], &["{\"dry", "_run\":", "false}"]);
    assert!(status == 200 && text.contains("\"matched\":1"), "{text}");
    assert!(!front.cache.contains("products::1").unwrap());
    assert_eq!(front.ask("POST", clear, &[token, json], &["{}"]).0, 200);
    assert_eq!(*front.audited.lock().unwrap(), ["http ann clear all", "http clear all"]);
}

#[test]
fn the_host_may_stand_in_the_request_line_alone_from_http_2_on() {
    let front = Front::new();
    let ask = |version, uri: &str| {
        let request = Request::get(uri).version(version).body(Pieces(VecDeque::new())).unwrap();
        front.call(request).status().as_u16()
    };
    assert_eq!(ask(Version::HTTP_2, "https://localhost/admin/cache/api/stats"), 200);
    assert_eq!(ask(Version::HTTP_2, "https://evil.example/admin/cache/api/stats"), 403);
    assert_eq!(ask(Version::HTTP_11, "http://localhost/admin/cache/api/stats"), 403);
    for probe in ["health", "ready", "metrics"] {
        assert_eq!(ask(Version::HTTP_2, &format!("https://10.1.2.3/admin/cache/{probe}")), 200, "{probe}");
        assert_eq!(ask(Version::HTTP_11, &format!("http://10.1.2.3/admin/cache/{probe}")), 200, "{probe}");
    }
}

#[test]
fn events_come_as_a_stream_that_ends_with_the_cache() {
    let front = Front::new();
    let request =
        Request::get("/admin/cache/api/events?kinds=loaded,removed&stats=1").header("host", "localhost");
    let mut stream = front.call(request.body(Pieces(VecDeque::new())).unwrap());
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let piece = |stream: &mut _| String::from_utf8(front.piece(stream).expect("a piece").to_vec()).unwrap();
    assert!(piece(&mut stream).starts_with("event: stats\n"));
    front.runtime.block_on(async {
        let load = || async { Ok::<_, std::io::Error>(1_u32) };
        front.cache.get_or_load("user::1", load).await.unwrap();
    });
    let mut rest = String::new();
    while !rest.contains("event: loaded\n") {
        rest.push_str(&piece(&mut stream));
    }
    front.runtime.block_on(front.cache.shutdown()).unwrap();
    while let Some(piece) = front.piece(&mut stream) {
        rest.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert!(rest.ends_with("event: ended\ndata: {}\n\n"), "{rest}");
    assert!(!rest.contains("user::1"), "no key without the token");
}

#[test]
fn open_streams_end_when_the_server_stops_and_none_begins_after_that() {
    let front = Front::new();
    let admin = Admin::new(&front.cache, &AdminSettings::new()).expect("good settings");
    let front = Front { service: admin.service("/admin/cache"), ..front };
    let ask = |query: &str| {
        let path = format!("/admin/cache/api/events{query}");
        let request = Request::builder().uri(path).header("host", "localhost:3000");
        front.call(request.body(Pieces(VecDeque::new())).expect("a request"))
    };
    // One that waits for events, one that waits for its next counters, one that nothing is told to.
    let mut streams = [ask(""), ask("?stats=60&kinds=none"), ask("?kinds=none")];
    assert!(front.piece(&mut streams[1]).is_some(), "its first counters");
    admin.close_streams();
    for stream in &mut streams {
        assert!(front.piece(stream).is_none(), "no word of an end: the cache goes on");
    }
    assert_eq!(ask("").status(), 503);
    let mut service = front.service.clone();
    let stats = Request::builder().uri("/admin/cache/api/stats").header("host", "localhost");
    let stats = stats.body(Pieces(VecDeque::new())).expect("a request");
    let answer = front.runtime.block_on(async { service.call(stats).await });
    assert_eq!(answer.map(|answer| answer.status().as_u16()), Ok(200), "all else is answered");
}
