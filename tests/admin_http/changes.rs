//! What changes something.

use crate::client::{Host, KEY_MARK};

#[test]
fn a_clear_is_previewed_and_carried_out_with_the_same_counts() {
    let host = Host::new();
    let preview = host.post("/api/clear", r#"{"dry_run":true}"#).expect(200).json();
    assert_eq!((&preview["matched"], &preview["scope"]), (&6.into(), &"all".into()));
    assert!(host.cache.contains("products::1").unwrap());
    let cleared = host.post("/api/clear", "{}").expect(200).json();
    assert_eq!((&cleared["matched"], &cleared["bytes"]), (&preview["matched"], &preview["bytes"]));
    assert!(!host.cache.contains("products::1").unwrap());
}

#[test]
fn an_invalidation_takes_what_exactly_one_field_names() {
    let host = Host::new();
    let user = format!("user::{KEY_MARK}");
    for (object, matched) in [
        (r#""scope":"products:*""#.to_owned(), 5),
        (r#""scope":"key:products::1""#.to_owned(), 1),
        (r#""key":"products::1""#.to_owned(), 1),
        (r#""keys":["products::1","products::2","nothing"]"#.to_owned(), 2),
        (format!(r#""prefix":"{user}""#), 1),
        (r#""pattern":"products::?""#.to_owned(), 5),
        (r#""tag":"none""#.to_owned(), 0),
        (r#""tier":"reference""#.to_owned(), 5),
        (r#""all":true"#.to_owned(), 6),
    ] {
        let body = format!("{{{object},\"dry_run\":true}}");
        assert_eq!(host.post("/api/invalidate", &body).expect(200).json()["matched"], matched, "{body}");
    }
    for wrong in [
        "{}",
        r#"{"all":false}"#,
        r#"{"all":true,"tier":"user"}"#,
        r#"{"key":"a","pattern":"b"}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":["a",1]}"#,
        r#"{"scope":""}"#,
        r#"{"all":true,"how":"burn"}"#,
        r#"{"all":true,"dry_run":"yes"}"#,
        r#"{"all":true,"dryrun":true}"#,
    ] {
        assert_eq!(host.post("/api/invalidate", wrong).status, 400, "{wrong}");
    }
    assert_eq!(host.wait(host.cache.info()).unwrap().tiers.iter().map(|tier| tier.entries).sum::<u64>(), 6);
    host.post("/api/invalidate", r#"{"key":"products::1","how":"expire"}"#).expect(200);
    assert!(!host.cache.contains("products::1").unwrap());
}

#[test]
fn settings_are_changed_and_what_was_before_is_told() {
    let host = Host::new();
    let ttl = host.post("/api/ttl", r#"{"tier":"user","seconds":60}"#).expect(200).json();
    assert_eq!(
        (&ttl["setting"], &ttl["value"], &ttl["before"]),
        (&"ttl tier:user".into(), &60.into(), &3600.into())
    );
    assert_eq!(
        host.post("/api/ttl", r#"{"prefix":"user_orders","seconds":90}"#).expect(200).json()["before"],
        1800
    );
    assert_eq!(host.get("/api/info").json()["tiers"][2]["ttl_s"], 60);
    assert_eq!(host.post("/api/ttl", r#"{"tier":"nobody","seconds":60}"#).expect(404).kind(), "UnknownTier");
    for wrong in [
        r#"{"tier":"user"}"#,
        r#"{"seconds":60}"#,
        r#"{"tier":"user","prefix":"user","seconds":60}"#,
        r#"{"tier":"user","seconds":0}"#,
        r#"{"tier":"user","seconds":-1}"#,
        r#"{"tier":"user","seconds":1.5}"#,
        r#"{"tier":"user","seconds":"60"}"#,
        r#"{"tier":"user","seconds":99999999999999999999999}"#,
        r#"{"prefix":"nobody","seconds":60}"#,
    ] {
        assert_eq!(host.post("/api/ttl", wrong).status, 400, "{wrong}");
    }
    assert_eq!(host.post("/api/enabled", r#"{"enabled":false}"#).expect(200).json()["before"], true);
    assert_eq!(host.get("/api/info").json()["enabled"], false);
    assert_eq!(host.get("/api/stats").json()["entries"], 0);
    assert_eq!(host.post("/api/enabled", r#"{"enabled":true}"#).expect(200).json()["before"], false);
    assert_eq!(host.post("/api/enabled", r#"{"enabled":1}"#).status, 400);
}

#[test]
fn the_settings_are_read_again_and_no_path_comes_over_the_network() {
    let host = Host::new();
    let file = host.folder.path().join("app.toml");
    assert_eq!(host.post("/api/reload", "{}").expect(200).json()["changed"], serde_json::json!([]));
    std::fs::write(
        &file,
        "ttl_config = 60\nmax_size_mb = 50\n[tiers.user.prefixes]\nuser_orders = \"tier\"\n",
    )
    .unwrap();
    let changed = host.post("/api/reload", "{}").expect(200).json();
    let wanted = serde_json::json!([
        { "key": "max_size_mb", "value": 50 << 20, "before": 100 << 20 },
        { "key": "tiers.config.ttl", "value": 60, "before": 3600 },
        { "key": "tiers.user.prefixes.user_orders", "value": "tier", "before": 1800 },
    ]);
    assert_eq!(changed["changed"], wanted);
    assert_eq!(host.get("/api/info").json()["budget"], 50 << 20);
    for wrong in [r#"{"path":"/etc/passwd"}"#, r#"{"file":"x"}"#, "[]"] {
        assert_eq!(host.post("/api/reload", wrong).status, 400, "{wrong}");
    }
    std::fs::write(&file, "ttl_config = 0\nload_queue = 7\nx = 1\n").unwrap();
    let refused = host.post("/api/reload", "{}").expect(409);
    assert_eq!(refused.kind(), "NotReloaded");
    assert!(
        refused.body.contains("2 problems") && refused.body.contains("stay in force"),
        "{}",
        refused.body
    );
    assert_eq!(host.get("/api/info").json()["budget"], 50 << 20);
}

#[test]
fn a_budget_is_changed_and_shown_everywhere_or_refused_and_kept() {
    let host = Host::new();
    let shown = || {
        let (stats, info) = (host.get("/api/stats").json(), host.get("/api/info").json());
        assert_eq!(stats["budget"], info["budget"]);
        stats["budget"].as_u64().unwrap()
    };
    assert_eq!(shown(), 100 << 20);
    let changed = host.post("/api/budget", r#"{"bytes":52428800}"#).expect(200).json();
    assert_eq!((&changed["value"], &changed["before"]), (&(50 << 20).into(), &(100 << 20).into()));
    assert_eq!(changed["setting"], "max_size_mb");
    assert_eq!(shown(), 50 << 20);
    for wrong in ["0", "1", "1099511627777", "18446744073709551615"] {
        let refused = host.post("/api/budget", &format!(r#"{{"bytes":{wrong}}}"#)).expect(400);
        assert_eq!(refused.kind(), "Budget", "{wrong}");
    }
    assert_eq!(shown(), 50 << 20);
}

#[test]
fn warm_sources_run_and_tell_what_they_stored() {
    let host = Host::new();
    let warmed = host.post("/api/warm", r#"{"scope":"all"}"#).expect(200).json();
    assert_eq!((&warmed["stored"], &warmed["running"]), (&1.into(), &false.into()));
    assert_eq!(warmed["sources"][0]["source"], "menu");
    let sources = host.get_open("/api/warm").expect(200).json();
    assert_eq!(sources["sources"][0]["stored"], 1);
    assert!(host.cache.contains("products::warm").unwrap());
    assert_eq!(host.post("/api/warm", r#"{"scope":"nobody"}"#).expect(404).kind(), "UnknownScope");
}

#[test]
fn a_tier_is_revived_and_a_user_forgotten() {
    let host = Host::new();
    let revived = host.post("/api/revive", r#"{"tier":"user"}"#).expect(200).json();
    assert_eq!(revived, serde_json::json!({ "tier": "user", "was_out": false }));
    let gone = host.post("/api/forget", &format!(r#"{{"user":"{KEY_MARK}"}}"#)).expect(200).json();
    assert_eq!((&gone["matched"], &gone["left"]), (&1.into(), &0.into()));
    assert_eq!(host.post("/api/forget", r#"{"user":""}"#).status, 400);
}

#[test]
fn the_audit_is_told_of_every_change_and_of_nothing_else() {
    let host = Host::new();
    for (path, body) in [
        ("/api/clear", r#"{"dry_run":true}"#),
        ("/api/invalidate", r#"{"pattern":"products::?"}"#),
        ("/api/invalidate", r#"{"tier":"nobody"}"#),
        ("/api/ttl", r#"{"tier":"user","seconds":60}"#),
        ("/api/ttl", r#"{"tier":"user","seconds":0}"#),
        ("/api/warm", r#"{"scope":"reference"}"#),
        ("/api/revive", r#"{"tier":"user"}"#),
        ("/api/reload", "{}"),
        ("/api/forget", r#"{"user":"7"}"#),
        ("/api/budget", r#"{"bytes":52428800}"#),
        ("/api/enabled", r#"{"enabled":false}"#),
        ("/api/clear", "{"),
    ] {
        host.post(path, body);
    }
    host.get("/api/entries").expect(200);
    let audited = host.audited.lock().expect("nobody panics with it").clone();
    let who = "http 127.0.0.1";
    let wanted = [
        "clear products::? 5 true",
        "clear tier:nobody 0 false",
        "set ttl tier:user = 1m 0 true",
        "set ttl tier:user = 0s 0 false",
        "warm tier:reference 1 true",
        "revive tier:user 0 true",
        "reload tiers.user.ttl is now 1h, was 1m 1 true",
        "forget user::7 0 true",
        "set max_size_mb = 50 MB 0 true",
        "set enabled = off 0 true",
    ];
    assert_eq!(audited, wanted.map(|told| format!("{who} {told}")));
}
