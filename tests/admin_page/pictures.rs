//! Pictures of the page, to be looked at: in `target/admin-page`.

use apex_cache::message::{Break, Breaks};
use thirtyfour::Key;

use crate::browser::{Page, browse};
use crate::shop::Shop;

/// Seconds of load before the pictures are taken. More fill the charts.
const VARIABLE: &str = "ADMIN_PAGE_SECONDS";

async fn view(page: &Page, name: &str) {
    page.read(&format!("location.hash = '{name}'")).await;
    page.until(&format!("!document.querySelector('#view-{name}').hidden")).await;
}

#[test]
fn pictures_of_every_view_are_taken_wide_and_narrow_in_light_and_dark() {
    let shop = Shop::open();
    shop.read(24);
    browse("pictures", async |page| {
        page.open(&shop.link()).await;
        let seconds = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(8_u32);
        // In parts, each within the limit of a wait.
        for until in (1..=seconds).filter(|second| second % 30 == 0 || *second == seconds) {
            page.until(&format!("performance.now() > {until}000")).await;
        }
        let mut taken = vec![
            page.picture("overview-light", 1440, false).await,
            page.picture("overview-dark", 1440, true).await,
            page.picture("overview-medium", 900, false).await,
            page.picture("overview-narrow", 390, false).await,
        ];
        page.size(1440, 900, true).await;
        page.read("document.querySelector('.cursor').focus()").await;
        for _ in 0..3 {
            page.press(Key::PageDown).await;
        }
        taken.push(page.picture("overview-cursor-dark", 1440, true).await);
        view(page, "entries").await;
        page.until_says("#entries", "products::").await;
        page.click("#entries tbody .key").await;
        page.until_says("#explained", "Fresh for").await;
        taken.push(page.picture("entries-light", 1440, false).await);
        taken.push(page.picture("entries-narrow", 390, true).await);
        view(page, "operate").await;
        page.until_says("#warm", "menu").await;
        taken.push(page.picture("operate-light", 1440, false).await);
        page.size(1440, 900, false).await;
        page.fill("#clear-what", "products:*").await;
        page.click("#clear-form button").await;
        page.until_says("#clear-do", "Clear").await;
        taken.push(page.picture("clear-dialog-light", 1440, false).await);
        taken.push(page.picture("clear-dialog-dark", 1440, true).await);
        page.press(Key::Escape).await;
        for _ in 0..5 {
            shop.cache.supervisor().send(Break::new(Breaks::Turn("query".into()))).await.expect("it breaks");
        }
        page.click("#forget").await;
        page.fill("#token", "a-wrong-one").await;
        page.click("#access-form button").await;
        page.until_says("#access-error", "Token refused").await;
        view(page, "overview").await;
        page.until_says("#verdict", "Out of service").await;
        taken.push(page.picture("trouble-light", 1440, false).await);
        for file in taken {
            assert!(std::fs::metadata(&file).is_ok_and(|data| data.len() > 10_000), "{}", file.display());
        }
    });
}
