//! Hostile requests whose bodies, paths or parameters are the trouble.
//!
//! Owns: their rows of the table. Never: breaks HTTP itself; `hostile_wire` does.

use crate::hostile_table::{BODY_MARK, Table};

pub(crate) fn add(table: &mut Table<'_>) {
    bodies(table);
    objects(table);
    settings(table);
    paths(table);
    queries(table);
}

fn bodies(table: &mut Table<'_>) {
    let deep = format!("{{\"dry_run\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let mark = format!("{{\"{BODY_MARK}\":");
    for body in [
        "",
        " ",
        "null",
        "[]",
        "[{}]",
        "0",
        "\"{}\"",
        "{",
        "}",
        "{}{}",
        "{} x",
        "{,}",
        "{\"dry_run\"}",
        "{\"dry_run\":}",
        "{\"dry_run\":true,}",
        "{dry_run:true}",
        "{'dry_run':true}",
        "{\"dry_run\":True}",
        "{\"dry_run\":1}",
        "{\"dry_run\":\"true\"}",
        "{\"dry_run\":null}",
        "{\"dry_run\":[true]}",
        "{\"dry_run\":{}}",
        "{\"dry_run\":true,\"dry_run\":false}",
        "{\"dry_run\":true,\"dry\\u005frun\":false}",
        "{\"dry_run\":NaN}",
        "{\"dry_run\":1e999}",
        "{\"Dry_Run\":true}",
        "{\"all\":true}",
        "{\"__proto__\":{}}",
        "// x\n{}",
        "\u{feff}{}",
        "{\"\":true}",
        &deep,
        &mark,
    ] {
        table.post("/api/clear", body, &[400]);
    }
    for body in [
        &b"\xff\xfe"[..],
        b"{\"dry_run\xc3\x28\":true}",
        b"{}\0",
        b"\0{}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"dry_run\":true\0}",
    ] {
        table.post("/api/clear", body, &[400]);
    }
}

fn objects(table: &mut Table<'_>) {
    let long_key = format!("{{\"key\":\"{}\"}}", "k".repeat(2_000));
    let long_pattern = format!("{{\"pattern\":\"{}\"}}", "*a".repeat(2_000));
    let many = format!("{{\"keys\":[{}]}}", vec!["\"a\""; 1_001].join(","));
    for body in [
        "{}",
        "{\"scope\":\"\"}",
        "{\"scope\":\"tier:\"}",
        "{\"scope\":1}",
        "{\"key\":\"\"}",
        "{\"key\":\"a*\"}",
        "{\"key\":\"a\\u0000b\"}",
        "{\"key\":\"::\"}",
        "{\"key\":\"a:::b\"}",
        "{\"pattern\":\"\"}",
        "{\"pattern\":\"a\\nb\"}",
        "{\"prefix\":\"\"}",
        "{\"tag\":\"\"}",
        "{\"tier\":\"../../etc\"}",
        "{\"tier\":\"User\"}",
        "{\"all\":1}",
        "{\"all\":false}",
        "{\"keys\":\"a\"}",
        "{\"keys\":[[]]}",
        "{\"all\":true,\"how\":\"burn\"}",
        "{\"all\":true,\"how\":null}",
        "{\"scope\":\"all\",\"all\":true}",
        &long_key,
        &long_pattern,
        &many,
    ] {
        table.post("/api/invalidate", body, &[400]);
    }
    table.post("/api/invalidate", "{\"tier\":\"nobody\"}", &[404]);
}

fn settings(table: &mut Table<'_>) {
    for seconds in [
        "0",
        "-1",
        "1.5",
        "1e3",
        "\"60\"",
        "315360001",
        "18446744073709551616",
        "1e400",
        "true",
        "[]",
        "null",
    ] {
        table.post("/api/ttl", format!("{{\"tier\":\"user\",\"seconds\":{seconds}}}"), &[400]);
    }
    table.post("/api/ttl", format!("{{\"prefix\":\"{BODY_MARK}\",\"seconds\":\"{BODY_MARK}\"}}"), &[400]);
    table.post("/api/enabled", "{\"enabled\":\"false\"}", &[400]);
    table.post("/api/enabled", "{}", &[400]);
    table.post("/api/budget", "{\"bytes\":1}", &[400]);
    table.post("/api/budget", "{\"bytes\":18446744073709551615}", &[400]);
    table.post("/api/budget", "{\"bytes\":0}", &[400]);
    table.post("/api/budget", "{\"bytes\":1099511627777}", &[400]);
    table.post("/api/budget", "{\"bytes\":-1}", &[400]);
    table.post("/api/budget", "{\"bytes\":\"50MB\"}", &[400]);
    table.post("/api/budget", "{\"bytes\":null}", &[400]);
    table.post("/api/budget", "{}", &[400]);
    table.post("/api/warm", "{}", &[400]);
    table.post("/api/warm", "{\"scope\":\"nobody\"}", &[404]);
    table.post("/api/warm", "{\"scope\":\"all users\"}", &[400]);
    table.post("/api/revive", "{\"tier\":\"nobody\"}", &[404]);
    table.post("/api/revive", "{\"tier\":\"a b\"}", &[400]);
    table.post("/api/reload", format!("{{\"path\":\"{BODY_MARK}\"}}"), &[400]);
    table.post("/api/forget", "{\"user\":\"\"}", &[400]);
    table.post("/api/forget", "{\"user\":42}", &[400]);
    table.post("/api/forget", format!("{{\"user\":\"{}\"}}", "u".repeat(2_000)), &[200]);
    table.post("/api/clear?dry_run=true", "{}", &[400]);
}

fn paths(table: &mut Table<'_>) {
    for path in [
        "/api",
        "/api/",
        "/api/clear/",
        "/api//clear",
        "//api/stats",
        "/API/stats",
        "/api/stats.json",
        "/api/stats/..",
        "/..",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page/index.html",
        "/index.html",
        "/page/app.js/../style.css",
        "/.git/config",
        "/api/stats%00",
        "/api/stats%0d%0aX:1",
        "/api%2fstats",
        "/api/stats;x=1",
        "/\\..\\..",
        "/favicon.ico",
        "/admin",
        "/api/tokens",
        "/page/../app.js",
        "/api/%ff",
    ] {
        table.get(path, &[400, 404]);
    }
    table.get("*", &[400, 404]);
    table.get("http:", &[0, 400, 403, 404]);
}

fn queries(table: &mut Table<'_>) {
    for query in [
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=99999999999999999999",
        "limit=1e3",
        "limit=%31%30%30%31",
        "limit=1&limit=2",
        "sort=value",
        "sort=../x",
        "order=up",
        "state=x",
        "cursor=x",
        "cursor=0",
        "cursor=zz.a",
        "cursor=0.a*",
        "cursor=%00",
        "scope=%",
        "scope=%zz",
        "scope=%ff",
        "scope=a%00b",
        "scope=a%0ab",
        "scope=key:",
        "unknown=1",
        "tier=a&tier=b",
        "a=b=c&d",
        "%6cimit=1&limit=2",
    ] {
        table.get(&format!("/api/entries?{query}"), &[400]);
    }
    table.get("/api/explain?key=a*", &[400]);
    table.get("/api/explain?key=", &[400]);
    table.get("/api/explain?key=a%0d%0aSet-Cookie:x", &[400]);
    table.get("/api/stats?x=1", &[400]);
    table.get("/metrics?name=x", &[400]);
    table.get("/?x", &[400]);
}
