//! What only looks.

use apex_cache::Pattern;
use apex_cache::admin::http::Admin;

use crate::client::{Host, KEY_MARK, VALUE_MARK};

#[test]
fn counters_and_status_are_told_to_everybody_and_keys_to_nobody_without_the_token() {
    let host = Host::new();
    host.wait(host.cache.get::<String>("products::1")).unwrap();
    for path in [
        "/api/stats",
        "/api/info",
        "/api/history",
        "/api/advice",
        "/api/warm",
        "/metrics",
        "/health",
        "/ready",
    ] {
        let response = host.get_open(path).expect(200);
        assert!(
            !response.all().contains(KEY_MARK) && !response.all().contains("products::"),
            "{}",
            response.all()
        );
        assert!(!host.get(path).all().contains(VALUE_MARK));
    }
    let stats = host.get_open("/api/stats").json();
    assert_eq!(
        (&stats["entries"], &stats["hits"], &stats["top"]),
        (&6.into(), &1.into(), &serde_json::json!([]))
    );
    assert_eq!(stats["invalidations"]["unknown_prefix"], 0);
    host.wait(host.cache.invalidate(Pattern::parse("nowhere::*").unwrap())).unwrap();
    assert_eq!(host.get_open("/api/stats").json()["invalidations"]["unknown_prefix"], 1);
    assert_eq!(stats["tiers"][1]["tier"], "reference");
    assert_eq!(stats["tiers"][1]["hit_rate"].as_f64(), Some(1.0));
    let top = &host.get("/api/stats").json()["top"];
    assert!(
        top.as_array().unwrap().iter().any(|entry| entry["key"] == "products::1" && entry["hits"] == 1),
        "{top}"
    );
    let info = host.get("/api/info").json();
    assert_eq!(info["access"], serde_json::json!({ "token_configured": true, "granted": true }));
    assert_eq!(
        info["tiers"][2]["prefixes"][1],
        serde_json::json!({ "prefix": "user_orders", "ttl_s": 1800 })
    );
}

#[test]
fn entries_come_sorted_in_pages_that_fit_together() {
    let host = Host::new();
    for size in 0..57_usize {
        host.wait(host.cache.set(format!("query::{size:03}"), &"x".repeat(size * 10))).unwrap();
    }
    for (sort, order, first) in
        [("key", "asc", "000"), ("key", "desc", "056"), ("size", "", "056"), ("size", "asc", "000")]
    {
        let mut found: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let path =
                format!("/api/entries?scope=query::*&sort={sort}&order={order}&limit=10&cursor={cursor}");
            let page = host.get(&path).expect(200).json();
            assert_eq!(page["matched"], 57, "{sort}");
            found.extend(
                page["entries"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|entry| entry["key"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => cursor = next.replace(':', "%3A"),
                None => break,
            }
        }
        assert_eq!(found.len(), 57, "{sort} {order}");
        assert_eq!(found[0], format!("query::{first}"), "{sort} {order}");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 57, "nothing twice and nothing left out: {sort} {order}");
    }
    let one = host.get("/api/entries?scope=query::007").expect(200).json();
    assert_eq!(one["entries"].as_array().unwrap().len(), 1);
    let entry = &one["entries"][0];
    assert_eq!(
        (&entry["tier"], &entry["source"], &entry["state"]),
        (&"query".into(), &"set".into(), &"fresh".into())
    );
    assert!(entry["left_s"].as_f64().unwrap() > 1_700.0 && entry["size"].as_u64().unwrap() > 70);
    assert_eq!(host.get("/api/entries?tier=query&state=stale").expect(200).json()["matched"], 0);
    assert_eq!(host.get("/api/entries?tier=user").expect(200).json()["matched"], 1);
    assert_eq!(host.get("/api/entries?scope=tag:none").expect(200).json()["matched"], 0);
    for wrong in [
        "sort=up",
        "limit=0",
        "limit=1001",
        "limit=x",
        "state=dead",
        "order=up",
        "cursor=x",
        "nope=1",
        "scope=a::*::?%00",
    ] {
        assert_eq!(host.get(&format!("/api/entries?{wrong}")).status, 400, "{wrong}");
    }
    assert_eq!(host.get("/api/entries?tier=nobody").expect(404).kind(), "UnknownTier");
}

#[test]
fn a_key_is_explained_to_who_has_the_token() {
    let host = Host::new();
    let known = host.get("/api/explain?key=products::1").expect(200).json();
    assert_eq!(
        (&known["state"], &known["tier"], &known["held"]["source"]),
        (&"fresh".into(), &"reference".into(), &"set".into())
    );
    assert!(known["text"].as_str().unwrap().contains("Fresh: for"));
    host.post("/api/invalidate", r#"{"pattern":"products::*"}"#).expect(200);
    let known = host.get("/api/explain?key=products::1").json();
    assert_eq!((&known["state"], &known["held"]), (&"absent".into(), &serde_json::Value::Null));
    assert_eq!(known["last_absence"]["reason"], "invalidated");
    assert_eq!(known["last_absence"]["by"], "products::*");
    assert_eq!(host.get("/api/explain").expect(400).kind(), "BadRequest");
    assert_eq!(host.get("/api/explain?key=a*").expect(400).kind(), "InvalidKey");
    assert_eq!(host.get_open("/api/explain?key=products::1").expect(401).kind(), "TokenMissing");
}

#[test]
fn the_page_is_served_with_its_types_and_kept_in_its_bounds() {
    let host = Host::new();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page/app.js", "text/javascript; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/api/openapi.json", "application/json"),
    ] {
        let response = host.get_open(path).expect(200);
        assert_eq!(response.header("content-type"), Some(kind));
        let policy = response.header("content-security-policy").expect("every answer has one");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'")
                && policy.contains("frame-ancestors 'none'")
        );
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn the_page_asks_nothing_from_outside_and_makes_no_markup_of_text() {
    let host = Host::new();
    let files: Vec<_> = Admin::routes()
        .map(|(_, path)| path)
        .filter(|path| *path == "/" || path.starts_with("/page/"))
        .collect();
    assert!(files.len() > 10, "{files:?}");
    let names = ["http://www.w3.org/2000/svg"]; // a name, which nobody asks for
    for path in files {
        let mut text = host.get_open(path).expect(200).body;
        names.iter().for_each(|name| text = text.replace(name, ""));
        for word in ["http:", "https:", "src=\"//", "url(", "@import", " style=", "onclick=\""] {
            assert!(!text.contains(word), "{path} has {word}");
        }
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "Function(",
            "setTimeout(\"",
        ] {
            assert!(!text.contains(word), "{path} has {word}");
        }
        assert!(text.lines().count() <= 400, "{path} is longer than what is read at a sitting");
    }
}

#[test]
fn health_and_readiness_tell_when_the_cache_has_ended() {
    let host = Host::new();
    assert_eq!(host.get_open("/health").expect(200).json()["status"], "ok");
    assert_eq!(host.get_open("/ready").expect(200).json()["ready"], true);
    host.wait(host.cache.shutdown()).unwrap();
    assert_eq!(host.get_open("/health").expect(503).json()["status"], "down");
    assert_eq!(host.get_open("/ready").expect(503).json()["ready"], false);
    for path in ["/api/stats", "/api/info", "/metrics", "/api/entries", "/api/events"] {
        assert_eq!(host.get(path).expect(503).kind(), "Closed", "{path}");
    }
    assert_eq!(host.post("/api/clear", "{}").expect(503).kind(), "Closed");
}

#[test]
fn a_server_that_was_stopped_listens_no_more() {
    let mut host = Host::new();
    host.stop();
    assert!(std::net::TcpStream::connect(host.address).is_err());
    assert!(host.cache.contains("products::1").unwrap(), "the cache goes on");
}
