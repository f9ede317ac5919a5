//! The text format 0.0.4, read as strictly as it is described.
//!
//! Owns: what the text of `/metrics` must keep to. Never: knows which metrics there are.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a number.
#[derive(Debug)]
pub(crate) struct Sample {
    /// That of its family, and what a histogram puts behind it.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Lines under one name.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

/// All of them, by name.
pub(crate) struct Exposition(pub(crate) BTreeMap<String, Family>);

impl Exposition {
    /// Reads `text`; panics at whatever it should not be.
    pub(crate) fn parse(text: &str) -> Self {
        let mut families = BTreeMap::<String, Family>::new();
        let mut current = None::<(String, Family)>;
        let mut close = |family: Option<(String, Family)>| {
            let Some((name, family)) = family else { return };
            judge(&name, &family);
            assert!(families.insert(name.clone(), family).is_none(), "{name} is told twice");
        };
        assert!(text.ends_with('\n'), "the last line has an end");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                let family = Family { help: help.to_owned(), kind: String::new(), samples: Vec::new() };
                close(current.replace((name.to_owned(), family)));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                let (of, family) = current.as_mut().unwrap_or_else(|| panic!("no help before {line}"));
                assert!(of == name && family.kind.is_empty() && family.samples.is_empty(), "{line}");
                kind.clone_into(&mut family.kind);
            } else {
                let (name, family) = current.as_mut().unwrap_or_else(|| panic!("no family: {line}"));
                let sample = sample(line);
                let rest = sample.name.strip_prefix(name.as_str());
                let rest = rest.unwrap_or_else(|| panic!("{line} stands among {name}"));
                let fits = match family.kind.as_str() {
                    "histogram" => ["_bucket", "_sum", "_count"].contains(&rest),
                    "counter" | "gauge" => rest.is_empty(),
                    kind => panic!("{name} is a {kind}"),
                };
                assert!(fits, "{line}");
                family.samples.push(sample);
            }
        }
        close(current);
        Self(families)
    }

    /// Every name that a query can ask for, with the labels that it has.
    pub(crate) fn names(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut names = BTreeMap::<&str, BTreeSet<&str>>::new();
        for sample in self.0.values().flat_map(|family| &family.samples) {
            names.entry(&sample.name).or_default().extend(sample.labels.keys().map(String::as_str));
        }
        names
    }

    /// The number under `name` with exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: BTreeMap<_, _> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut all = self.0.values().flat_map(|family| &family.samples);
        let found = all.find(|sample| sample.name == name && sample.labels == wanted);
        found.unwrap_or_else(|| panic!("there is no {name}{labels:?}")).value
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(fits) && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if rest.starts_with('{') {
        loop {
            let (label, behind) = rest[1..].split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let (value, after) = quoted(behind).unwrap_or_else(|| panic!("a label without an end: {line}"));
            assert!(is_name(label) && labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = after;
            match rest.chars().next() {
                Some(',') => {}
                Some('}') => break rest = &rest[1..],
                _ => panic!("{line}"),
            }
        }
    }
    let number = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value = number.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    Sample { name: name.to_owned(), labels, value }
}

/// The text up to the quote that ends it, and what stands behind.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                _ => return None,
            }),
            (_, plain) => value.push(plain),
        }
    }
}

/// What must be true of every family.
fn judge(name: &str, family: &Family) {
    assert!(is_name(name) && name.starts_with("apex_cache_"), "{name}");
    assert!(family.help.ends_with('.') && family.help.len() > 10, "{name}: {}", family.help);
    assert!(!family.samples.is_empty(), "{name} has a type and no number");
    assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name} is a {}", family.kind);
    let mut seen = BTreeSet::new();
    let first: Vec<_> = family.samples[0].labels.keys().filter(|label| *label != "le").collect();
    for Sample { name, labels, value } in &family.samples {
        assert!(seen.insert((name, labels)), "{name}{labels:?} is told twice");
        assert!(*value >= 0.0 && value.is_finite(), "{name}{labels:?} is {value}");
        let others: Vec<_> = labels.keys().filter(|label| *label != "le").collect();
        assert_eq!(others, first, "{name}: all samples have the same labels");
        assert_eq!(labels.contains_key("le"), name.ends_with("_bucket"), "{name}{labels:?}");
    }
    if family.kind == "histogram" {
        assert!(name.ends_with("_seconds"), "{name}: times are in seconds");
        histogram(name, family);
    }
}

/// Of each set of labels: the ends rise, the counts never fall, and the last of both agrees with the count.
fn histogram(name: &str, family: &Family) {
    let mut of_labels = BTreeMap::<_, Vec<&Sample>>::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        of_labels.entry(labels).or_default().push(sample);
    }
    let mut ends_of_first = None;
    for (labels, samples) in of_labels {
        let (buckets, [sum, count]) = samples.split_last_chunk().expect("a sum and a count");
        assert!(sum.name.ends_with("_sum") && count.name.ends_with("_count"), "{name}{labels:?}");
        let ends: Vec<f64> =
            buckets.iter().map(|bucket| bucket.labels["le"].parse().expect("a number")).collect();
        assert!(ends.len() >= 5 && ends.is_sorted_by(|one, next| one < next), "{name}{labels:?}: {ends:?}");
        assert!(buckets.is_sorted_by(|one, next| one.value <= next.value), "{name}{labels:?}: {buckets:?}");
        let all = buckets.last().expect("five at least");
        assert_eq!((ends.last(), all.value), (Some(&f64::INFINITY), count.value), "{name}{labels:?}");
        assert_eq!(all.labels["le"], "+Inf");
        assert_eq!(*ends_of_first.get_or_insert_with(|| ends.clone()), ends, "{name}: the same for all");
    }
}

#[test]
fn the_reader_of_metrics_sees_what_is_wrong_with_them() {
    let head =
        "# HELP apex_cache_naps_seconds How long naps took.\n# TYPE apex_cache_naps_seconds histogram\n";
    let buckets = |counts: [u64; 6], count: u64| {
        let ends = ["1", "2", "3", "4", "5", "+Inf"].iter().zip(counts);
        let line =
            |(end, count)| format!("apex_cache_naps_seconds_bucket{{cat=\"a\\\"b\",le=\"{end}\"}} {count}\n");
        let lines = ends.map(line).collect::<Vec<_>>().concat();
        format!(
            "{head}{lines}apex_cache_naps_seconds_sum{{cat=\"a\\\"b\"}} 0.5\napex_cache_naps_seconds_count{{cat=\"a\\\"b\"}} {count}\n"
        )
    };
    let good = buckets([0, 1, 1, 1, 2, 3], 3);
    assert!(
        (Exposition::parse(&good).value("apex_cache_naps_seconds_sum", &[("cat", "a\"b")]) - 0.5).abs()
            < 1e-9
    );
    let gauge = "# HELP apex_cache_cats Cats that nap.\n# TYPE apex_cache_cats gauge\n";
    let one = format!("{gauge}apex_cache_cats{{cat=\"tom\"}} 1\n");
    Exposition::parse(&one);
    for wrong in [
        buckets([0, 1, 0, 1, 2, 3], 3),
        buckets([0, 1, 1, 1, 2, 3], 4),
        good.replace("le=\"2\"", "le=\"0.5\""),
        good.replace("+Inf", "7"),
        good.replace("_sum", "_total"),
        gauge.to_owned(),
        one.replace("gauge", "counter"),
        one.replace("# TYPE apex_cache_cats gauge\n", ""),
        one.replace("# HELP apex_cache_cats Cats that nap.\n", ""),
        one.replace("Cats that nap.", "Cats"),
        one.replace(" 1\n", " -1\n"),
        one.replace(" 1\n", " NaN\n"),
        one.replace(" 1\n", "\n"),
        one.replace("tom\"", "tom"),
        format!("{one}apex_cache_cats{{cat=\"tom\"}} 2\n"),
        format!("{one}apex_cache_cats{{dog=\"rex\"}} 2\n"),
        format!("{one}{one}"),
    ] {
        let judged = std::panic::catch_unwind(|| Exposition::parse(&wrong));
        assert!(judged.is_err(), "nobody noticed:\n{wrong}");
    }
}
