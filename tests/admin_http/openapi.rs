//! The description of the API, held against the server.
//!
//! Owns: a small judge of answers, for the part of JSON Schema that the description uses. Never: takes a word of the schema
//! that it does not know for no word.

use std::collections::BTreeSet;

use apex_cache::admin::http::Admin;
use serde_json::{Value, json};

use crate::client::{Connection, Host, Response};

/// With the descriptions of paths that are shared put where they are referred to.
fn description(host: &Host) -> Value {
    let mut root = host.get_open("/api/openapi.json").expect(200).json();
    let shared = root.clone();
    for (path, item) in root["paths"].as_object_mut().expect("an object") {
        if let Some(target) = item["$ref"].as_str() {
            let found = target.strip_prefix('#').and_then(|target| shared.pointer(target));
            *item = found.unwrap_or_else(|| panic!("{path}: {target} leads nowhere")).clone();
        }
    }
    root
}

/// What is wrong with `value` where `schema` describes it; `path` is where it stands.
fn problems(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (word, said) in schema.as_object().expect("a schema is an object") {
        let fits = match word.as_str() {
            "$ref" => {
                let target =
                    said.as_str().and_then(|text| text.strip_prefix('#')).and_then(|text| root.pointer(text));
                problems(root, target.unwrap_or_else(|| panic!("{said} leads nowhere")), value, path, found);
                true
            }
            "type" => match said {
                Value::Array(kinds) => kinds.iter().any(|kind| is_a(value, kind)),
                kind => is_a(value, kind),
            },
            "anyOf" => said.as_array().expect("a list").iter().any(|one| {
                let mut inside = Vec::new();
                problems(root, one, value, path, &mut inside);
                inside.is_empty()
            }),
            "enum" => said.as_array().expect("a list").contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= said.as_f64().expect("a number")),
            "maximum" => value.as_f64().is_none_or(|number| number <= said.as_f64().expect("a number")),
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    problems(root, said, item, &format!("{path}[{at}]"), found);
                }
                true
            }
            "properties" => {
                let described = said.as_object().expect("an object");
                for (name, field) in value.as_object().into_iter().flatten() {
                    match described.get(name) {
                        Some(schema) => problems(root, schema, field, &format!("{path}.{name}"), found),
                        None => found.push(format!("{path}.{name} is not described")),
                    }
                }
                true
            }
            "required" => {
                let names = said.as_array().expect("a list").iter().filter_map(Value::as_str);
                names.for_each(|name| {
                    if value.get(name).is_none() {
                        found.push(format!("{path}.{name} is missing"));
                    }
                });
                true
            }
            "description" => true,
            other => panic!("this judge does not know {other}"),
        };
        if !fits {
            found.push(format!("{path} is {value:.60}, which does not fit {word} {said}"));
        }
    }
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type is a word") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("this judge does not know the type {other}"),
    }
}

/// Holds `response` against what `operation` says of its status.
fn judge(root: &Value, name: &str, operation: &Value, response: &Response) {
    let mut said = &operation["responses"][response.status.to_string()];
    if let Some(target) = said["$ref"].as_str() {
        said = root.pointer(&target[1..]).expect("it leads somewhere");
    }
    assert!(
        said.is_object(),
        "{name} answered {}, which is not described: {}",
        response.status,
        response.body
    );
    let kind = response.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let schema = &said["content"][kind]["schema"];
    assert!(schema.is_object(), "{name}: {kind} is not described for {}", response.status);
    if kind == "application/json" {
        let mut found = Vec::new();
        problems(root, schema, &response.json(), name, &mut found);
        assert!(found.is_empty(), "{}\n{}", found.join("\n"), response.body);
    }
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let root = json!({ "components": { "schemas": { "N": { "type": "integer", "minimum": 1 } } } });
    let schema = json!({
        "type": "object", "required": ["a"],
        "properties": {
            "a": { "$ref": "#/components/schemas/N" },
            "b": { "type": "array", "items": { "anyOf": [{ "enum": ["x"] }, { "type": "null" }] } },
        },
    });
    let count = |value: Value| {
        let mut found = Vec::new();
        problems(&root, &schema, &value, "it", &mut found);
        found.len()
    };
    assert_eq!(count(json!({ "a": 1, "b": ["x", null] })), 0);
    for wrong in [
        json!({}),
        json!({ "a": 0 }),
        json!({ "a": "1" }),
        json!({ "a": 1, "b": ["y"] }),
        json!({ "a": 1, "c": 1 }),
    ] {
        assert_eq!(count(wrong.clone()), 1, "{wrong}");
    }
    assert!(count(json!([])) >= 1);
}

#[test]
fn every_route_is_described_and_everything_described_is_a_route() {
    let description = description(&Host::new());
    let described: BTreeSet<(String, String)> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let served = Admin::routes().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described, served);
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_route_answers_as_it_is_described() {
    let host = Host::new();
    let root = description(&host);
    host.wait(host.cache.get::<String>("products::1")).unwrap();
    for (path, operations) in root["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = format!("{method} {path}");
            let needs_token = operation["security"] == json!([{ "token": [] }]);
            let response = match (method.as_str(), path.as_str()) {
                ("get", "/api/events") => {
                    let mut stream = Connection::to(host.address);
                    stream.write(format!("{}\r\n", host.head("GET", path)).as_bytes());
                    stream.response_head().expect("an answer")
                }
                ("get", "/api/explain") => host.get("/api/explain?key=products::1"),
                ("get", _) => host.get(path),
                ("post", _) => host.post(
                    path,
                    &operation["requestBody"]["content"]["application/json"]["example"].to_string(),
                ),
                _ => panic!("{name}"),
            };
            assert_eq!(response.status, 200, "{name}: {}", response.all());
            judge(&root, &name, operation, &response);
            // And without the token: as described too, and refused where it says so.
            if path == "/api/events" {
                continue;
            }
            let bare = format!(
                "{} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\r\n",
                method.to_uppercase(),
                host.address
            );
            let response = host.send(bare);
            assert_eq!(response.status == 401, needs_token, "{name}: {}", response.all());
            judge(&root, &name, operation, &response);
        }
    }
}

#[test]
fn refusals_are_described_too() {
    let host = Host::new();
    let root = description(&host);
    let paths = &root["paths"];
    for (path, operation, response) in [
        ("/api/entries", &paths["/api/entries"]["get"], host.get("/api/entries?limit=0")),
        ("/api/entries", &paths["/api/entries"]["get"], host.get("/api/entries?tier=nobody")),
        ("/api/explain", &paths["/api/explain"]["get"], host.get("/api/explain?key=nothing::here")),
        ("/api/ttl", &paths["/api/ttl"]["post"], host.post("/api/ttl", r#"{"tier":"nobody","seconds":60}"#)),
        ("/api/warm", &paths["/api/warm"]["post"], host.post("/api/warm", r#"{"scope":"nobody"}"#)),
    ] {
        judge(&root, path, operation, &response);
    }
    host.wait(host.cache.shutdown()).unwrap();
    for (path, operations) in paths.as_object().unwrap() {
        if let Some(operation) = operations.get("get") {
            let path_with = if path == "/api/explain" { "/api/explain?key=a" } else { path };
            judge(&root, path, operation, &host.get(path_with));
        }
    }
}
