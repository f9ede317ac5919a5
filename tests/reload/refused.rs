//! New settings that are refused: every problem is told, and what ran before runs on.

use apex_cache::settings::{AdminSettings, SettingsError};
use apex_cache::{Cache, Error, ErrorKind, Settings};

use crate::common::{cache_with, paused};
use crate::{File, MINUTE, budget_mb, ttl_of};

async fn refused(cache: &Cache, file: &File) -> SettingsError {
    match cache.reload(file.path()).await {
        Err(Error::NotReloaded { problems }) => problems,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn a_bad_file_changes_nothing_and_is_told_with_every_problem() {
    paused(|| async {
        let file = File::new("max_size_mb = 64\nttl_user = 60\n");
        let cache = file.cache().await;
        cache.set("user::1", &1_u32).await.unwrap();
        file.edit("max_size_mb = 32\nenabled = false\nttl_user = \"soon\"\nmax_sise_mb = 3\n[tiers.user]\nstale = -1\n");
        let error = cache.reload(file.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotReloaded);
        let text = error.to_string();
        assert!(
            text.starts_with("nothing was changed, the settings before stay in force; the settings have 3")
        );
        for key in ["ttl_user = \"soon\"", "did you mean max_size_mb?", "tiers.user.stale"] {
            assert!(text.contains(key), "{key}: {text}");
        }
        for (content, words) in
            [("max_size_mb = [", "TOML"), ("\"", "TOML"), ("cahce = 1\nx = 2", "object \"cache\"")]
        {
            file.edit(content);
            let error = refused(&cache, &file).await.to_string();
            assert!(error.contains(words), "{error}");
        }
        std::fs::remove_file(file.path()).unwrap();
        assert!(refused(&cache, &file).await.to_string().contains("there is no such file"));
        assert_eq!((budget_mb(&cache).await, ttl_of(&cache, "user").await), (64, MINUTE));
        assert!(cache.info().await.unwrap().enabled && cache.contains("user::1").unwrap());
        file.edit("max_size_mb = 32\nttl_user = 60\n");
        cache.reload(file.path()).await.expect("and a good one is taken after it");
    });
}

/// Each with what the file said before, what it says now, and the beginning of every problem.
const NEEDS_A_START: [(&str, &str, &[&str]); 17] = [
    ("", "moving_budget = false", &["moving_budget = false"]),
    ("", "max_entry_size = 2", &["max_entry_size = 2"]),
    ("", "cleanup_interval = 60", &["cleanup_interval = 60"]),
    ("load_concurrency = 8", "load_concurrency = 9", &["load_concurrency = 9"]),
    ("load_concurrency = 8", "", &["load_concurrency = 32 (default)"]),
    ("", "unknown_prefix = \"refuse\"", &["unknown_prefix = \"refuse\""]),
    ("", "compression = \"off\"", &["compression = \"off\""]),
    ("", "[tiers.new]\nttl = 60\nstale = 60\nprefixes = [\"new\", \"newer\"]", &["tiers.new ("]),
    ("[tiers.new]\nttl = 60\nprefixes = [\"new\"]", "", &["tiers.new (default)"]),
    ("", "[tiers.user.prefixes]\nnew = 60", &["tiers.user.prefixes.new = 60"]),
    ("[tiers.user.prefixes]\nnew = 60", "", &["tiers.user.prefixes.new (default)"]),
    (
        "[tiers.config]\nprefixes = [\"config\", \"p\"]",
        "[tiers.user.prefixes]\np = 60",
        &["tiers.config.prefixes.p (default)", "tiers.user.prefixes.p = 60"],
    ),
    ("", "[tiers.user]\nstale = 60", &["tiers.user.stale = 60"]),
    ("[tiers.user]\nstale = 60", "", &["tiers.user.stale (default)"]),
    ("", "[tiers.user]\nsoft_timeout = 2", &["tiers.user.soft_timeout = 2"]),
    ("", "[tiers.user.prefixes.user]\ntimeout = 60", &["tiers.user.prefixes.user.timeout = 60"]),
    (
        "",
        "queue_messages = 500\nqueue_bytes = 20\n[tiers.user]\ndescription = \"x\"\neviction = \"lru\"\n[admin]\nhosts = [\"a\"]",
        &[
            "admin.hosts = [..]",
            "queue_bytes = 20",
            "queue_messages = 500",
            "tiers.user.description = \"x\"",
            "tiers.user.eviction = \"lru\"",
        ],
    ),
];

#[test]
fn what_needs_a_new_start_refuses_all_of_it_and_each_is_told() {
    paused(|| async {
        for (before, now, wanted) in NEEDS_A_START {
            let file = File::new(&format!("max_size_mb = 64\n{before}\n"));
            let cache = file.cache().await;
            file.edit(&format!("max_size_mb = 32\nttl_user = 90\nenabled = false\n{now}\n"));
            let problems = refused(&cache, &file).await.problems;
            let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems.len(), wanted.len(), "{now}: {shown:?}");
            for (shown, wanted) in shown.iter().zip(wanted) {
                assert!(shown.starts_with(wanted), "{wanted}: {shown}");
                assert!(
                    shown.contains("while the cache runs") && shown.contains("start the cache again"),
                    "{shown}"
                );
            }
            assert_eq!((budget_mb(&cache).await, ttl_of(&cache, "user").await), (64, 60 * MINUTE));
            assert!(cache.info().await.unwrap().enabled);
            cache.shutdown().await.unwrap();
        }
    });
}

#[test]
fn a_budget_without_room_for_the_largest_entry_is_refused() {
    paused(|| async {
        let file = File::new("max_entry_size = 2\n");
        let cache = file.cache().await;
        // Alone it would be a problem of the file; a smaller largest entry is one that needs a new start.
        file.edit("max_size_mb = 10\nmax_entry_size = 1\n");
        let shown: Vec<String> =
            refused(&cache, &file).await.problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(
            shown[0].starts_with("max_entry_size = 1") && shown[0].contains("2MB is in force"),
            "{}",
            shown[0]
        );
        assert!(
            shown[1].starts_with("max_size_mb = 10") && shown[1].contains("at least 20MB"),
            "{}",
            shown[1]
        );
        assert_eq!(budget_mb(&cache).await, 100);
    });
}

#[test]
fn another_token_needs_a_new_start_and_neither_is_shown() {
    paused(|| async {
        let tokens = ["8c1f0b7e5a9d3624e0b15f8a7c62d943", "71d0e9b3c85a4f26b9e7d3105c8fa642"];
        let (file, token) = (File::new(""), File::new(tokens[0]));
        file.edit(&format!("[admin]\ntoken_file = {:?}\n", token.path()));
        let cache = file.cache().await;
        cache.reload(file.path()).await.expect("the same token is no change");
        token.edit(tokens[1]);
        let error = cache.reload(file.path()).await.unwrap_err().to_string();
        assert!(error.contains("admin.token_file") && error.contains("start the cache again"), "{error}");
        assert!(tokens.iter().all(|token| !error.contains(token)), "{error}");
        let shown = format!("{:?}", Settings::default().admin(AdminSettings::new().token(tokens[0])));
        assert!(!shown.contains(tokens[0]), "{shown}");
    });
}

#[test]
fn what_code_said_is_no_change_of_the_file() {
    paused(|| async {
        let file = File::new("queue_messages = 500\n");
        let settings = file
            .settings()
            .load_concurrency(7)
            .tier("sessions", |tier| tier.ttl(MINUTE).prefix("sessions"))
            .tier("user", |tier| tier.weigher(|_, value| value.len() as u64));
        let cache = cache_with(settings).await;
        file.edit("queue_messages = 500\nload_concurrency = 9\nttl_query = 60\n");
        assert_eq!(cache.reload(file.path()).await.unwrap().changed.len(), 1);
        file.edit("queue_messages = 501\n");
        assert_eq!(refused(&cache, &file).await.problems.len(), 1);
    });
}
