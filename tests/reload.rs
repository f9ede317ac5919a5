//! Settings that are read again while the cache runs: what comes into force, what is refused, and what stays.
//!
//! Owns: the way from an edited file to a running cache. Never: how the grammar of files is judged; `settings.rs` does that.

#[path = "reload/at_once.rs"]
mod at_once;
mod common;
#[path = "reload/refused.rs"]
mod refused;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::message::{Change, Reload, Reloaded, TtlOf};
use apex_cache::{Cache, LoadPolicy, Settings};
use tempfile::TempDir;

use common::{advance, cache_with, inline, paused};

const MINUTE: Duration = Duration::from_secs(60);

/// A file of settings that can be edited, and goes away with the test.
struct File {
    folder: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let file = Self { folder: TempDir::new().expect("a temporary folder") };
        file.edit(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("app.toml")
    }

    fn edit(&self, text: &str) {
        std::fs::write(self.path(), text).expect("a file in the temporary folder");
    }

    fn settings(&self) -> Settings {
        Settings::load().file(self.path()).read().expect("the first settings of a test are good")
    }

    async fn cache(&self) -> Cache {
        cache_with(self.settings()).await
    }
}

/// What has changed, as `key: old -> new`.
fn told(reloaded: &Reloaded) -> Vec<String> {
    let value = |change: &Change| change.value();
    let each = reloaded.changed.iter();
    each.map(|changed| format!("{}: {} -> {}", changed.key, value(&changed.old), value(&changed.new)))
        .collect()
}

async fn ttl_of(cache: &Cache, tier: &str) -> Duration {
    let info = cache.info().await.expect("a running cache");
    info.tiers.iter().find(|known| &*known.name == tier).expect("a tier").ttl
}

async fn budget_mb(cache: &Cache) -> u64 {
    cache.info().await.expect("a running cache").budget >> 20
}

#[test]
fn what_has_changed_in_the_file_comes_into_force_and_is_told() {
    paused(|| async {
        let file = File::new("[cache]\nmax_size_mb = 64\nttl_user = 600\nttl_query = 70\n");
        let cache = file.cache().await;
        cache.set("user::1", &1_u32).await.unwrap();
        file.edit("[cache]\nmax_size_mb = 32\nttl_user = 60\nttl_query = 70\n[other]\nx = 1\n");
        let reloaded = cache.reload(file.path()).await.unwrap();
        assert_eq!(told(&reloaded), ["max_size_mb: 64 MB -> 32 MB", "tiers.user.ttl: 10m -> 1m"]);
        let ttl = |ttl| Change::Ttl { of: TtlOf::Tier("user".into()), ttl };
        assert_eq!(reloaded.changed[1].old, ttl(10 * MINUTE));
        assert_eq!(reloaded.changed[1].new, ttl(MINUTE));
        assert_eq!((budget_mb(&cache).await, ttl_of(&cache, "user").await), (32, MINUTE));
        cache.set("user::2", &2_u32).await.unwrap();
        advance(MINUTE).await;
        assert!(cache.contains("user::1").unwrap(), "what was stored keeps its time");
        assert!(!cache.contains("user::2").unwrap());
        assert_eq!(told(&cache.reload(file.path()).await.unwrap()), [""; 0], "nothing has changed since");
    });
}

#[test]
fn it_never_happens_by_itself() {
    paused(|| async {
        let file = File::new("max_size_mb = 64\n");
        let cache = file.cache().await;
        file.edit("max_size_mb = 32\n");
        advance(Duration::from_secs(86_400)).await;
        assert_eq!(budget_mb(&cache).await, 64);
    });
}

#[test]
fn what_left_the_file_goes_back_to_its_default_and_what_was_done_by_hand_to_the_file() {
    paused(|| async {
        let file = File::new("max_size_mb = 64\nttl_user = 600\n");
        let cache = file.cache().await;
        cache.set_budget(48 << 20).await.unwrap();
        cache.set_ttl("query", MINUTE).await.unwrap();
        file.edit("max_size_mb = 64\n");
        let reloaded = cache.reload(file.path()).await.unwrap();
        assert_eq!(
            told(&reloaded),
            ["max_size_mb: 48 MB -> 64 MB", "tiers.user.ttl: 10m -> 1h", "tiers.query.ttl: 1m -> 30m"]
        );
    });
}

#[test]
fn a_prefix_gets_a_time_of_its_own_and_loses_it() {
    paused(|| async {
        let own = "[tiers.user.prefixes]\nwallet = \"5m\"\n";
        let of_tier = "[tiers.user.prefixes]\nwallet = \"tier\"\n";
        let file = File::new(of_tier);
        let cache = file.cache().await;
        file.edit(own);
        let reloaded = cache.reload(file.path()).await.unwrap();
        assert_eq!(told(&reloaded), ["tiers.user.prefixes.wallet: that of its tier -> 5m"]);
        cache.set("wallet::1", &1_u32).await.unwrap();
        cache.set_ttl("user", 10 * MINUTE).await.unwrap();
        file.edit(&format!("ttl_user = \"20m\"\n{of_tier}"));
        let reloaded = cache.reload(file.path()).await.unwrap();
        assert_eq!(
            told(&reloaded),
            ["tiers.user.ttl: 10m -> 20m", "tiers.user.prefixes.wallet: 5m -> that of its tier"]
        );
        cache.set("wallet::2", &2_u32).await.unwrap();
        advance(15 * MINUTE).await;
        assert!(!cache.contains("wallet::1").unwrap() && cache.contains("wallet::2").unwrap());
    });
}

#[test]
fn variables_and_code_have_the_last_word_as_at_a_new_start() {
    paused(|| async {
        let file = File::new("max_size_mb = 64\nttl_user = 600\nttl_query = 70\n");
        let sources = Settings::load().file(file.path());
        let sources = sources.environment_from([("APEX_CACHE__TTL_USER", "5m")]);
        let policy = LoadPolicy::new().soft_timeout(MINUTE / 6);
        let settings = sources.read().unwrap().max_size_mb(80).policy(policy);
        let cache = cache_with(settings).await;
        file.edit("max_size_mb = 32\nttl_user = 700\nttl_query = 80\n");
        let reloaded = cache.reload(file.path()).await.unwrap();
        assert_eq!(told(&reloaded), ["tiers.query.ttl: 1m 10s -> 1m 20s"]);
        assert_eq!((budget_mb(&cache).await, ttl_of(&cache, "user").await), (80, 5 * MINUTE));
    });
}

#[test]
fn settings_of_code_alone_are_changed_by_what_a_file_names() {
    paused(|| async {
        let settings = Settings::default().max_size_mb(80).tier("user", |tier| tier.ttl(MINUTE).prefix("x"));
        let cache = cache_with(settings).await;
        let file = File::new("ttl_query = 80\n[tiers.user]\nttl = 90\n");
        let reloaded = cache.reload(file.path()).await.unwrap();
        assert_eq!(told(&reloaded), ["tiers.user.ttl: 1m -> 1m 30s", "tiers.query.ttl: 30m -> 1m 20s"]);
        assert_eq!(budget_mb(&cache).await, 80);
    });
}

#[test]
fn another_file_takes_the_place_of_the_last_and_none_is_one_that_was_named() {
    paused(|| async {
        let (base, local) = (File::new("max_size_mb = 64\nttl_user = 60\n"), File::new("ttl_user = 70\n"));
        let settings = Settings::load().file(base.path()).file(local.path()).read().unwrap();
        let cache = cache_with(settings).await;
        base.edit("max_size_mb = 48\nttl_user = 60\n");
        let reloaded = cache.reload(base.path()).await.unwrap();
        assert_eq!(told(&reloaded), ["max_size_mb: 64 MB -> 48 MB"], "both were read again, in their order");
        let other = File::new("ttl_user = 80\n");
        let reloaded = cache.reload(other.path()).await.unwrap();
        assert_eq!(told(&reloaded), ["tiers.user.ttl: 1m 10s -> 1m 20s"]);
        assert_eq!(budget_mb(&cache).await, 48, "the first of the two is still heard");
        let reloaded = cache.supervisor().send(Reload::new()).await.unwrap();
        assert_eq!(told(&reloaded), ["tiers.user.ttl: 1m 20s -> 1m 10s"]);
    });
}

#[test]
fn switched_off_by_the_file_it_holds_nothing() {
    paused(|| async {
        let file = File::new("enabled = true\n");
        let cache = file.cache().await;
        cache.set("user::1", &1_u32).await.unwrap();
        file.edit("enabled = false\nttl_user = 60\n");
        let reloaded = cache.reload(file.path()).await.unwrap();
        assert_eq!(told(&reloaded), ["tiers.user.ttl: 1h -> 1m", "enabled: on -> off"]);
        assert!(!cache.contains("user::1").unwrap());
        let info = cache.info().await.unwrap();
        assert!(!info.enabled && info.tiers.iter().all(|tier| tier.entries == 0));
        file.edit("");
        assert_eq!(
            told(&cache.reload(file.path()).await.unwrap()),
            ["tiers.user.ttl: 1m -> 1h", "enabled: off -> on"]
        );
    });
}

#[test]
fn the_command_reads_what_the_cache_was_started_with_and_takes_no_path() {
    paused(|| async {
        let file = File::new("max_size_mb = 64\n");
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let ear = Arc::clone(&heard);
        let builder = inline().settings(file.settings()).audit(move |event| {
            let told = format!("{} {} {} {} {}", event.who, event.what, event.scope, event.count, event.ok);
            ear.lock().unwrap().push(told);
        });
        let cache = builder.start().await.unwrap();
        assert!(cache.command("/cache-reload", "ann").await.contains("nothing has changed"));
        file.edit("max_size_mb = 32\nttl_user = 60\n");
        let answer = cache.command_in("/cache-reload", "ann", apex_cache::admin::Style::Plain).await;
        assert_eq!(
            answer,
            "the settings were read again; 2 settings have changed\n  max_size_mb is now 32 MB, was 64 MB\n  \
             tiers.user.ttl is now 1m, was 1h\n"
        );
        let refused = cache.command("/cache-reload /etc/passwd", "ann").await;
        assert!(refused.contains("does not take"), "{refused}");
        file.edit("max_size_mb = 0\n");
        assert!(cache.command("/cache-reload", "ann").await.contains("nothing was changed"));
        file.edit("max_size_mb = 32\n");
        cache.reload(file.path()).await.unwrap();
        let changes = "max_size_mb is now 32 MB, was 64 MB; tiers.user.ttl is now 1m, was 1h";
        assert_eq!(
            *heard.lock().unwrap(),
            [
                "ann reload settings 0 true".to_owned(),
                format!("ann reload {changes} 2 true"),
                "ann reload settings 0 false".to_owned(),
                "code reload tiers.user.ttl is now 1h, was 1m 1 true".to_owned(),
            ]
        );
    });
}

#[test]
fn a_cache_that_was_started_without_a_file_says_so() {
    paused(|| async {
        let cache = cache_with(Settings::default()).await;
        let answer = cache.command("/cache-reload", "ann").await;
        assert!(answer.contains("not started with settings from a file"), "{answer}");
    });
}
