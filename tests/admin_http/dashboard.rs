//! The dashboard for Grafana, held against what a cache tells.
//!
//! Owns: that every name and label in its queries exists. Never: judges how it looks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::Host;
use crate::exposition::Exposition;
use crate::{metrics, promtool};

const DASHBOARD: &str = include_str!("../../examples/grafana/apex-cache.json");
const SCRAPE: &str = include_str!("../../examples/grafana/prometheus.yml");

/// The labels that Prometheus adds to what it scrapes.
const ADDED: [&str; 2] = ["instance", "job"];

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).expect("the dashboard is JSON")
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = dashboard["panels"].as_array().expect("panels");
    panels.iter().filter(|panel| panel["type"] != "row")
}

/// Each query with the title of its panel; those of the variables, too.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of_panel = |panel: &Value| -> Vec<(String, String)> {
        let targets = panel["targets"].as_array().expect("targets");
        targets.iter().map(|target| (text(&panel["title"]), text(&target["expr"]))).collect()
    };
    panels(dashboard).flat_map(of_panel).collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Every metric in `query`, with the labels that it is chosen by.
fn chosen(query: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices("apex_cache_") {
        let name = &query[at..];
        let name = &name[..name.find(|c| !is_word(c)).unwrap_or(name.len())];
        let behind = &query[at + name.len()..];
        let inside =
            behind.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        let labels = inside.split(',').filter_map(|one| one.split(['=', '!']).next());
        found.push((name, labels.filter(|label| !label.is_empty()).collect()));
    }
    found
}

/// The labels that `query` groups by.
fn grouped(query: &str) -> Vec<&str> {
    let lists = query.match_indices(" by (").map(|(at, by)| &query[at + by.len()..]);
    lists.flat_map(|rest| rest.split(')').next().unwrap_or_default().split(',')).map(str::trim).collect()
}

/// What is wrong with `query`, where `names` are what there is.
fn problems(query: &str, names: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut found = Vec::new();
    let chosen = chosen(query);
    if chosen.is_empty() {
        found.push("it asks for nothing".to_owned());
    }
    for (name, labels) in chosen {
        let Some(known) = names.get(name) else {
            found.push(format!("there is no {name}"));
            continue;
        };
        let wrong = labels.into_iter().chain(grouped(query));
        let wrong = wrong.filter(|label| !known.contains(label) && !ADDED.contains(label));
        found.extend(wrong.map(|label| format!("{name} has no label {label}")));
    }
    found
}

#[test]
fn the_reader_of_queries_sees_names_and_labels_that_do_not_exist() {
    let names = BTreeMap::from([("apex_cache_hits_total", BTreeSet::from(["tier"]))]);
    let wrong = |query| problems(query, &names);
    assert_eq!(
        wrong("sum by (tier) (rate(apex_cache_hits_total{instance=~\"$instance\",tier!=\"a\"}[5m]))"),
        [""; 0]
    );
    assert_eq!(wrong("apex_cache_hits{tier=\"a\"}"), ["there is no apex_cache_hits"]);
    assert_eq!(wrong("apex_cache_hits_total{teir=\"a\"}"), ["apex_cache_hits_total has no label teir"]);
    assert_eq!(wrong("sum by (le, tier) (apex_cache_hits_total)"), ["apex_cache_hits_total has no label le"]);
    assert_eq!(wrong("up"), ["it asks for nothing"]);
}

#[test]
fn every_name_and_label_in_the_dashboard_is_told_by_a_cache() {
    let host = Host::new();
    metrics::work(&host);
    let told = Exposition::parse(&host.get_open("/metrics").expect(200).body);
    let (dashboard, names) = (dashboard(), told.names());
    let queries = queries(&dashboard);
    assert!(queries.len() > 30, "{} queries", queries.len());
    let mut wrong = Vec::new();
    for (title, query) in &queries {
        wrong.extend(problems(query, &names).into_iter().map(|problem| format!("{title}: {problem}")));
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        let Some(query) = variable["definition"].as_str() else { continue };
        wrong.extend(
            problems(query, &names).into_iter().map(|problem| format!("{}: {problem}", variable["name"])),
        );
        let asked = query.rsplit_once(", ").expect("a label is asked for").1.trim_end_matches(')');
        let known =
            chosen(query).iter().any(|(name, _)| names[name].contains(asked)) || ADDED.contains(&asked);
        assert!(known, "{query}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn promtool_reads_the_queries_of_the_dashboard_and_the_lines_for_prometheus() {
    let filled = |query: &str| {
        let query = query.replace("$__rate_interval", "5m").replace("$__range", "1h");
        query.replace("$instance", ".*").replace("$tier", ".*")
    };
    let queries: Vec<_> = queries(&dashboard()).iter().map(|(_, query)| filled(query)).collect();
    assert!(queries.iter().all(|query| !query.contains('$')), "a variable has no value: {queries:?}");
    promtool::check_queries(&queries);
    promtool::check_scrape(SCRAPE);
}

#[test]
fn every_panel_says_what_it_shows_and_none_lies_on_another() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeMap::new());
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{title}: its id is taken");
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a number"));
        assert!(x + w <= 24, "{title} stands out on the right");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            let other = taken.insert(place, title);
            assert_eq!(other, None, "{title} lies on another");
        }
    }
    for panel in panels(&dashboard) {
        let title = &panel["title"];
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
    }
}
