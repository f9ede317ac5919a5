//! What the log and the explanations say of values that cannot be read: types, fields and causes, and nothing of a value.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::Mutex;

use apex_cache::Cache;
use apex_cache::message::Reason;
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use super::{Handle, Repo};
use crate::common::{cache, paused};
use crate::source::stats_of;

static LINES: Mutex<String> = Mutex::new(String::new());

struct Log;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "apex_cache::value"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        LINES.lock().unwrap().push_str(&(line.0 + "\n"));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    repos: BTreeMap<String, Vec<Repo>>,
}

async fn reason(cache: &Cache, key: &str) -> Reason {
    let explained = cache.explain(key).await.unwrap();
    explained.last_absence.unwrap().reason
}

#[test]
fn a_type_that_cannot_be_read_is_told_once_with_its_field_and_none_of_its_values() {
    let _ = tracing::subscriber::set_global_default(Log);
    paused(async || {
        let cache = cache().await;
        let page =
            || Page { repos: BTreeMap::from([("secret".to_owned(), vec![Repo { open_issues: 115 }])]) };
        for key in ["user::1", "user::2"] {
            cache.get_or_load(key, move || async move { Ok::<_, io::Error>(page()) }).await.unwrap();
            assert_eq!(reason(&cache, key).await, Reason::Unreadable);
        }
        cache.get_or_load("user::3", || async { Ok::<_, io::Error>(Handle(115)) }).await.unwrap();
        cache.set("user::4", &Repo { open_issues: 115 }).await.unwrap();
        assert!(cache.get::<Repo>("user::4").await.is_err() && cache.get::<Repo>("user::4").await.is_err());
        cache.set("user::5", "secret").await.unwrap();
        assert!(cache.get::<u64>("user::5").await.is_err());
        cache.get_or_load("user::5", || async { Ok::<_, io::Error>(115_u64) }).await.unwrap();

        let lines = LINES.lock().unwrap().clone();
        let stats = stats_of(&cache, "user").await;
        assert_eq!((stats.unreadable, stats.wrong_type), (5, 2));
        assert_eq!(lines.lines().count(), 4, "{lines}");
        assert!(
            lines.contains("told::Page\" reason=\"missing field `openIssues` at `repos[key][0]`\""),
            "{lines}"
        );
        assert!(lines.contains("originals::Handle\" reason=\"its Serialize returned an error"), "{lines}");
        assert!(lines.contains("originals::Repo\" reason=\"missing field `openIssues`\""), "{lines}");
        assert!(lines.contains("written_as=\"alloc::string::String\" read_as=\"u64\""), "{lines}");
        assert!(!lines.contains("secret") && !lines.contains("115") && !lines.contains("user::"), "{lines}");
    });
}
