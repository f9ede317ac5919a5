//! What a miss costs on top of the database: loads whose value is already there, so that all their time is overhead.
//!
//! Owns: that one measurement. Never: part of the timed runs.

use std::time::Instant;

use apex_cache::Key;

use crate::Trouble;
use crate::cached::CachedShop;
use crate::data;
use crate::measure::Samples;

/// Loads per kind of value.
const LOADS: u32 = 150;

/// The mean in microseconds over profiles and category pages, half and half, one after the other.
pub(crate) async fn miss_overhead_us(shop: &CachedShop) -> Result<f64, Trouble> {
    let profile = shop.get_user(1).await?.into_value();
    let page = shop.get_products_by_category(data::CATEGORIES[0].1[0]).await?.into_value();
    let mut times = Samples::default();
    for number in 0..LOADS {
        let (profile, page) = (profile.clone(), page.clone());
        let key = Key::of("query").part("overhead").part("profile").part(number).finish()?;
        let begun = Instant::now();
        shop.cache.get_or_load(key, move || async move { Ok::<_, Trouble>(profile) }).await?;
        times.push(begun.elapsed());
        let key = Key::of("query").part("overhead").part("page").part(number).finish()?;
        let begun = Instant::now();
        shop.cache.get_or_load(key, move || async move { Ok::<_, Trouble>(page) }).await?;
        times.push(begun.elapsed());
    }
    Ok(times.mean_ms() * 1_000.0)
}
