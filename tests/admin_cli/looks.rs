//! What only looks, against a real admin.

use serde_json::Value;

use super::client::{Host, KEY_MARK, VALUE_MARK};
use super::command::Apex;

/// The names of all fields, to the bottom.
fn fields(document: &Value) -> Vec<String> {
    match document {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| {
                let below = fields(value);
                std::iter::once(name.clone())
                    .chain(below.into_iter().map(move |field| format!("{name}.{field}")))
            })
            .collect(),
        Value::Array(list) => list.first().map(fields).unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[test]
fn json_is_the_document_of_the_admin() {
    let host = Host::new();
    let key = format!("user::{KEY_MARK}::profile");
    for (arguments, path) in [
        (vec!["stats"], "/api/stats".to_owned()),
        (vec!["info"], "/api/info".to_owned()),
        (vec!["entries", "--limit", "3"], "/api/entries?limit=3".to_owned()),
        (vec!["explain", &key], format!("/api/explain?key={key}")),
    ] {
        let arguments = [arguments, vec!["--json"]].concat();
        let document = Apex::of(&host, &arguments).run().expect(0).json();
        assert_eq!(fields(&document), fields(&host.get(&path).json()), "{arguments:?}");
    }
    let health = Apex::of(&host, &["--json", "health"]).run().expect(0).json();
    assert_eq!(health, serde_json::json!({ "status": "ok", "ready": true, "waiting": 0 }));
}

#[test]
fn people_are_told_what_is_there() {
    let host = Host::new();
    let say = |arguments: &[&str]| Apex::of(&host, arguments).run().expect(0).out;
    let stats = say(&["stats"]);
    assert!(stats.contains("6 entries") && stats.contains("reference"), "{stats}");
    let info = say(&["info"]);
    assert!(info.contains("user_orders (30m)") && info.contains("on, ready"), "{info}");
    let key = format!("user::{KEY_MARK}::profile");
    let entries = say(&["entries", "user::*"]);
    assert!(entries.contains(&key) && entries.contains("1 of 1 entry"), "{entries}");
    let known = say(&["explain", &key]);
    assert!(known.starts_with(&key) && known.contains("fresh"), "{known}");
    assert!(say(&["explain", "user::7::nobody"]).contains("never stored"));
    assert_eq!(say(&["health"]), "healthy and ready\n");
}

#[test]
fn pages_are_gone_through_until_there_are_as_many_as_were_asked_for() {
    let host = Host::new();
    host.wait(async {
        for number in 0..1_100 {
            host.cache.set(format!("query::{number:04}"), &1).await.expect("it is stored");
        }
    });
    let list = |more: &[&str]| {
        let arguments = [&["entries", "query::*", "--json"], more].concat();
        Apex::of(&host, &arguments).run().expect(0).json()
    };
    let keys = |list: &Value| -> Vec<String> {
        let entries = list["entries"].as_array().expect("a list");
        entries.iter().map(|entry| entry["key"].as_str().expect("a key").to_owned()).collect()
    };
    let all = list(&["--limit", "5000"]);
    let wanted: Vec<_> = (0..1_100).map(|number| format!("query::{number:04}")).collect();
    assert_eq!(keys(&all), wanted);
    assert_eq!((&all["matched"], &all["next"]), (&1_100.into(), &Value::Null));
    let first = list(&["--limit", "1050"]);
    assert_eq!(keys(&first), wanted[..1_050]);
    let cursor = first["next"].as_str().expect("there are more");
    assert_eq!(keys(&list(&["--limit", "1050", "--after", cursor])), wanted[1_050..]);
    let last =
        list(&["--limit", "2", "--order", "desc", "--sort", "key", "--state", "fresh", "--tier", "query"]);
    assert_eq!(keys(&last), ["query::1099", "query::1098"]);
}

#[test]
fn keys_arrive_as_they_were_typed() {
    let host = Host::new();
    for key in [
        "query::a b",
        "query::50%&x=1+1#y",
        "query::größe/ü",
        "query::'\"\\;$(x)",
        "query::--yes",
        " query::1",
    ] {
        let document = Apex::of(&host, &["--json", "explain", "--", key]).run().expect(0).json();
        assert_eq!(document["key"], key);
    }
    let typed = "query::a b,c=1/ä";
    host.wait(host.cache.set(typed, &1)).expect("it is stored");
    let known = Apex::of(&host, &["--json", "explain", typed]).run().expect(0).json();
    assert_eq!((&known["key"], &known["state"]), (&typed.into(), &"fresh".into()));
}

#[test]
fn without_the_token_there_are_counts_and_no_keys_and_never_a_value() {
    let host = Host::new();
    let url = format!("http://{}", host.address);
    let open = Apex::new(&["stats", "--url", &url]).run().expect(0);
    assert!(open.out.contains("6 entries") && open.out.contains("with the token only"), "{open:?}");
    assert!(!open.out.contains(KEY_MARK), "{open:?}");
    let keys = format!("user::{KEY_MARK}::profile");
    for arguments in [vec!["stats"], vec!["info"], vec!["entries"], vec!["explain", &keys]] {
        let ended = Apex::of(&host, &arguments).run().expect(0);
        let all = format!("{}{}", ended.out, ended.err);
        assert!(!all.contains(VALUE_MARK) && !all.contains(&host.token), "{arguments:?}: {all}");
    }
}
