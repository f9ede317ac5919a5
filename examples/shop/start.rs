//! Starts the cache for the shop: its settings, and what is fetched ahead of the first question.
//!
//! Owns: the settings and the three warm sources (config, reference, user).
//! Never: makes up a key, as each query tells its own; stores by itself: a source hands its entries to the cache, which
//! keeps out what was changed meanwhile.

use apex_cache::settings::Settings;
use apex_cache::{Cache, WarmEntries, WarmSource};

use crate::Trouble;
use crate::cached::CachedShop;
use crate::data;
use crate::database::Database;
use crate::model::{Discount, Product, Rows, Version};
use crate::options::Options;

/// The settings that differ from the defaults; all of them are printed with the parameters.
fn settings(options: &Options) -> Settings {
    Settings::default()
        .max_size_mb(u64::from(options.max_size_mb))
        // The full catalog is one entry of some MB; the default limit is 1 MiB.
        .max_entry_size(u64::from(options.max_entry_mb) << 20)
        // Hundreds of users arrive within a second and each load waits for the database: the default 32 would queue.
        .load_concurrency(options.load_concurrency as usize)
}

/// Starts the cache and returns when what must be there from the start is there.
pub(crate) async fn start(database: Database, options: &Options) -> Result<CachedShop, Trouble> {
    let cache = Cache::builder()
        .settings(settings(options))
        .warm(config_source(database.clone()))
        .warm(reference_source(database.clone()))
        .warm(user_source(database.clone()))
        .start()
        .await?;
    cache.ready().await?;
    Ok(CachedShop { cache, database })
}

/// Once at the start, which waits for it. `/cache-warm config` loads it again.
fn config_source(database: Database) -> WarmSource {
    WarmSource::new("config", "config", move |_| {
        let database = database.clone();
        async move {
            let (tiers, roles, payment) = tokio::try_join!(
                database.get_vip_tiers(),
                database.get_roles(),
                database.get_payment_methods()
            )?;
            let mut entries = WarmEntries::new();
            entries.push(CachedShop::get_vip_tiers_key()?, &tiers)?;
            entries.push(CachedShop::get_roles_key()?, &roles)?;
            entries.push(CachedShop::get_payment_methods_key()?, &payment)?;
            Ok::<_, Trouble>(entries)
        }
    })
    .required()
}

/// At the start and every six hours (`warm_interval`): all lists, pages and discounts, by four queries. The category
/// pages are cut from the full catalog.
fn reference_source(database: Database) -> WarmSource {
    WarmSource::new("reference", "reference", move |_| {
        let database = database.clone();
        async move {
            let mut entries = WarmEntries::new();
            let (mains, subs, catalog, discounts) = tokio::try_join!(
                database.get_distinct_main_categories(),
                database.get_all_sub_categories(),
                database.get_all_products(),
                database.get_all_discounts(),
            )?;
            for (main, _) in data::CATEGORIES {
                let rows =
                    subs.rows.iter().filter(|(of, _)| of == main).map(|(_, sub)| sub.clone()).collect();
                let rows = Rows { version: subs.version, rows };
                entries.push(CachedShop::get_distinct_sub_categories_key(main)?, &rows)?;
            }
            for (_, category) in data::leaves() {
                entries
                    .push(CachedShop::get_products_by_category_key(category)?, &page(&catalog, category))?;
                for vip in 0..data::VIP_TIERS.len() as u8 {
                    let key = CachedShop::get_applicable_discounts_key(category, vip)?;
                    entries.push(key, &applicable(&discounts, category, vip))?;
                }
            }
            entries.push(CachedShop::get_distinct_main_categories_key()?, &mains)?;
            entries.push(CachedShop::get_all_products_key()?, &catalog)?;
            Ok::<_, Trouble>(entries)
        }
    })
    .required()
    .periodic()
}

/// A user has come: profile and orders, before the second page asks for them.
fn user_source(database: Database) -> WarmSource {
    WarmSource::new("user", "user", move |run| {
        let database = database.clone();
        async move {
            let mut entries = WarmEntries::new();
            if let Ok(id) = run.user().parse() {
                let (profile, orders) =
                    tokio::try_join!(database.get_user(id), database.get_orders_for_user(id))?;
                entries.push(CachedShop::get_user_key(id)?, &profile)?;
                entries.push(CachedShop::get_orders_for_user_key(id)?, &orders)?;
            }
            Ok::<_, Trouble>(entries)
        }
    })
    .on_user_active()
}

fn page(catalog: &Rows<Product>, category: &str) -> Rows<Product> {
    let rows = catalog.rows.iter().filter(|product| product.category == category).cloned().collect();
    Rows { version: catalog.version, rows }
}

fn applicable(discounts: &[(Version, Discount)], category: &str, vip: u8) -> Rows<Discount> {
    let of_category = || discounts.iter().filter(|(_, discount)| discount.category == category);
    Rows {
        version: of_category().map(|(version, _)| *version).max().unwrap_or(0),
        rows: of_category().filter(|(_, row)| row.vip <= vip).map(|(_, row)| row.clone()).collect(),
    }
}
