//! A cache with an admin and a load, such as a shop has: some keys much, most seldom, some queries that fail.
//!
//! Owns: the source that takes its time, the readers, and when they stop. Never: looks at the page.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::admin::http::{AdminServer, AdminSettings, random_token};
use apex_cache::{Cache, Pattern, Settings, WarmEntries, WarmSource};
use tokio::runtime::Runtime;

/// What the readers ask for: first segment, different keys, bytes of a value, milliseconds of its query.
const KINDS: [(&str, u64, usize, u64); 5] = [
    ("config", 20, 200, 1),
    ("products", 900, 700, 4),
    ("user", 600, 900, 6),
    ("user_orders", 400, 1_500, 12),
    ("query", 4_000, 1_200, 18),
];

/// The cache, its admin, and those who read.
pub(crate) struct Shop {
    runtime: Runtime,
    pub(crate) cache: Cache,
    pub(crate) token: String,
    admin: AdminServer,
    goes_on: Arc<AtomicBool>,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.goes_on.store(false, Relaxed);
    }
}

impl Shop {
    pub(crate) fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let token = random_token();
        let settings = Settings::default()
            .max_size_mb(4)
            .max_entry_size(32 << 10)
            .stats_interval(Duration::from_secs(1))
            .cleanup_interval(Duration::from_secs(2))
            .tier("query", |tier| tier.ttl(Duration::from_secs(8)));
        let admin = AdminSettings::new().bind(([127, 0, 0, 1], 0)).token(&token);
        let (cache, admin) = runtime.block_on(async {
            let menu = WarmSource::new("menu", "reference", |_run| std::future::ready(menu())).required();
            let slow = WarmSource::new("flags", "config", |_run| flags());
            let builder = Cache::builder().settings(settings).warm(menu).warm(slow);
            let cache = builder.start().await.expect("the settings of a test start");
            cache.ready().await.expect("the menu is there");
            let admin = AdminServer::start(&cache, &admin).await.expect("it listens");
            (cache, admin)
        });
        Self { runtime, cache, token, admin, goes_on: Arc::new(AtomicBool::new(true)) }
    }

    /// The address of the page.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.admin.address())
    }

    /// The same with the token, as a host prints it.
    pub(crate) fn link(&self) -> String {
        format!("{}#token={}", self.url(), self.token)
    }

    /// Begins with `readers` that read until the shop is dropped.
    pub(crate) fn read(&self, readers: u64) {
        let dice = Arc::new(AtomicU64::new(0x9e37_79b9));
        for _ in 0..readers {
            let (cache, dice, goes_on) = (self.cache.clone(), Arc::clone(&dice), Arc::clone(&self.goes_on));
            self.runtime.spawn(async move {
                let mut pace = tokio::time::interval(Duration::from_millis(4));
                while goes_on.load(Relaxed) {
                    pace.tick().await;
                    for _ in 0..3 {
                        visit(&cache, &dice).await;
                    }
                }
            });
        }
    }
}

/// A number below `below`; low ones come much more often than high ones.
fn roll(dice: &AtomicU64, below: u64) -> u64 {
    let next =
        |state: u64| state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let drawn = dice.fetch_update(Relaxed, Relaxed, |state| Some(next(state))).map_or(0, next) >> 33;
    let share = drawn as f64 / f64::from(1_u32 << 31);
    #[allow(clippy::cast_sign_loss)] // no factor is less than zero
    let number = (share.powi(3) * below as f64) as u64;
    number.min(below - 1)
}

async fn visit(cache: &Cache, dice: &AtomicU64) {
    let kind = roll(dice, 1 << 20) % KINDS.len() as u64;
    let (segment, keys, bytes, millis) = KINDS[usize::try_from(kind).expect("few kinds")];
    let id = roll(dice, keys);
    let key = if segment == "user" { format!("user::{id}::profile") } else { format!("{segment}::{id}") };
    let fails = segment == "user_orders" && id % 97 == 13;
    let load = move || async move {
        takes(Duration::from_millis(millis + id % 5)).await;
        if fails {
            Err(std::io::Error::other("the orders are being moved"))
        } else {
            Ok("x".repeat(bytes + id as usize % 300))
        }
    };
    let _ = cache.get_or_load(key, load).await;
    if id == 0 && roll(dice, 1_000) == 7 {
        let _ = cache.invalidate(Pattern::parse("user_orders::1*").expect("a pattern")).await;
    }
}

/// The time that a query needs.
async fn takes(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

fn menu() -> Result<WarmEntries, apex_cache::BoxError> {
    let mut entries = WarmEntries::new();
    for number in 0..300 {
        entries.push(format!("products::{number}"), &"m".repeat(600))?;
    }
    Ok(entries)
}

/// Long enough that its progress is seen.
async fn flags() -> Result<WarmEntries, apex_cache::BoxError> {
    takes(Duration::from_secs(3)).await;
    Ok(WarmEntries::new().with("config::flags", &true)?)
}
