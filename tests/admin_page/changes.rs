//! What can be changed through the page.

use std::time::Duration;

use apex_cache::Cache;
use thirtyfour::Key;

use crate::browser::{Page, browse};
use crate::shop::Shop;

async fn entries_of(cache: &Cache, tier: &str) -> u64 {
    let info = cache.info().await.expect("it answers");
    info.tiers.iter().find(|one| &*one.name == tier).expect("a tier").entries
}

async fn operate(page: &Page, shop: &Shop) {
    page.open(&shop.link()).await;
    page.click("nav a[href='#operate']").await;
    page.until_says("#ttls", "products::").await;
}

#[test]
fn a_clear_is_previewed_confirmed_and_empties_the_tier() {
    let shop = Shop::open();
    browse("clear", async |page| {
        shop.cache.set("config::colour", "blue").await.expect("it is stored");
        let before = entries_of(&shop.cache, "reference").await;
        assert_eq!(before, 300);
        operate(page, &shop).await;
        page.fill("#clear-what", "tier:reference").await;
        page.click("#clear-form button").await;
        page.until_says("#clear-preview", "300").await;
        page.until_says("#clear-do", "Clear 300 entries").await;
        // What was previewed is what is cleared: with another text the button is gone until that is previewed.
        page.fill("#clear-scope", "products::1*").await;
        page.until("!document.querySelector('#clear-do').checkVisibility()").await;
        page.press(Key::Enter).await;
        page.until_says("#clear-do", "Clear 111 entries").await;
        page.press(Key::Escape).await;
        page.until("!document.querySelector('#clear-dialog').open").await;
        assert_eq!(
            entries_of(&shop.cache, "reference").await,
            before,
            "a preview takes nothing, nor does a no"
        );
        page.click("#clear-form button").await;
        page.until_says("#clear-do", "Clear 300 entries").await;
        page.click("#clear-do").await;
        page.until_says("#said", "Cleared 300 entries").await;
        page.until("!document.querySelector('#clear-dialog').open").await;
        assert_eq!(entries_of(&shop.cache, "reference").await, 0);
        assert_eq!(entries_of(&shop.cache, "config").await, 1, "and no other");
        page.fill("#clear-what", "user::*::%x*?**::[").await;
        page.click("#clear-form button").await;
        page.until("document.querySelector('#clear-error').innerText !== '' || document.querySelector('#clear-do').checkVisibility()").await;
    });
}

#[test]
fn entries_are_found_sorted_turned_explained_and_removed() {
    let shop = Shop::open();
    browse("entries", async |page| {
        for _ in 0..5 {
            shop.cache.get::<String>("products::77").await.expect("it is read");
        }
        page.open(&shop.link()).await;
        page.click("nav a[href='#entries']").await;
        page.until_says("#entries-words", "300 entries").await;
        page.until_says("#entries tbody tr:first-child", "products::77").await;
        assert_eq!(page.text("#entries-page").await, "1 to 50 of 300");
        page.click("#entries th[data-sort=key] button").await;
        page.until_says("#entries tbody tr:first-child", "products::0").await;
        page.until_says("#entries th[aria-sort=ascending]", "key").await;
        page.click("#entries-next").await;
        page.until_says("#entries-page", "51 to 100 of 300").await;
        page.click("#entries-back").await;
        page.until_says("#entries-page", "1 to 50 of 300").await;
        page.fill("#scope", "products::7?").await;
        page.press(Key::Enter).await;
        page.until_says("#entries-words", "10 entries").await;
        page.fill("#scope", "tier:nobody").await;
        page.press(Key::Enter).await;
        page.until_says("#entries-words", "nobody").await;
        // A key that is there, and the same when it is gone, with the reason.
        page.fill("#explain-key", "products::77").await;
        page.press(Key::Enter).await;
        page.until_says("#explained", "a warm run").await;
        page.until_says("#explained", "5 hits").await;
        page.click("#explained .danger").await;
        page.until_says("#clear-do", "Clear 1 entry").await;
        page.click("#clear-do").await;
        page.until_says("#explained", "Removed by its key.").await;
        page.fill("#explain-key", "no good key::").await;
        page.press(Key::Enter).await;
        page.until("document.querySelector('#explained .error') !== null").await;
    });
}

#[test]
fn warm_sources_run_with_their_progress_shown() {
    let shop = Shop::open();
    browse("warm", async |page| {
        operate(page, &shop).await;
        page.until_says("[data-source=flags]", "has not run yet").await;
        page.click("[data-source=flags] button").await;
        page.until("document.querySelector('[data-source=flags] progress').checkVisibility()").await;
        page.until_says("#said", "Warming goes on").await;
        page.until_says("[data-source=flags]", "1 run").await;
        assert!(shop.cache.contains("config::flags").expect("a key"));
        page.click("[data-source=menu] button").await;
        page.until_says("#said", "300 entries stored").await;
    });
}

#[test]
fn settings_are_changed_and_what_was_before_is_told() {
    let shop = Shop::open();
    browse("settings", async |page| {
        operate(page, &shop).await;
        let ttl = "#ttls form:has([aria-label='Time to live of tier user'])";
        page.fill(&format!("{ttl} input"), "1h 30m").await;
        page.press(Key::Enter).await;
        page.until_says("#said", "1h before, 1h\u{a0}30m now").await;
        let info = shop.cache.info().await.expect("it answers");
        assert_eq!(info.tiers[2].ttl, Duration::from_secs(5_400));
        page.fill(&format!("{ttl} input"), "soon").await;
        page.press(Key::Enter).await;
        page.until_says("#said.bad", "\"soon\" is no time").await;
        page.fill("#budget", "8").await;
        page.press(Key::Enter).await;
        page.until_says("#said", "4\u{a0}MB before, 8\u{a0}MB now").await;
        assert_eq!(shop.cache.info().await.expect("it answers").budget, 8 << 20);
        page.click("#enabled").await;
        page.until_says("#confirm", "drops all that it holds").await;
        assert_eq!(page.focus().await, "confirm-no", "the safe answer is the near one");
        page.press(Key::Escape).await;
        page.until("!document.querySelector('#confirm').open").await;
        assert!(shop.cache.info().await.expect("it answers").enabled);
        page.click("#enabled").await;
        page.click("#confirm-yes").await;
        page.until_says("#health", "switched off").await;
        assert!(!shop.cache.info().await.expect("it answers").enabled);
        page.click("#enabled").await;
        page.until_says("#health", "healthy").await;
    });
}

#[test]
fn a_user_is_forgotten_after_a_question() {
    let shop = Shop::open();
    browse("forget", async |page| {
        shop.cache.set("user::42::profile", "Ann").await.expect("it is stored");
        operate(page, &shop).await;
        page.fill("#forget-user", "42").await;
        page.press(Key::Enter).await;
        page.until_says("#confirm", "Forget the user 42?").await;
        page.click("#confirm-yes").await;
        page.until_says("#said", "Forgot 42: 1 entry").await;
        assert!(!shop.cache.contains("user::42::profile").expect("a key"));
    });
}
