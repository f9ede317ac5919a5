//! Who may see what on the page.

use crate::browser::browse;
use crate::shop::Shop;

const KEY_MARK: &str = "KEYMARK-51d0";
const WRONG: &str = "Token refused";

#[test]
fn the_token_of_the_link_is_used_and_gone_from_the_address() {
    let shop = Shop::open();
    let key = format!("user::{KEY_MARK}::profile");
    browse("token of the link", async |page| {
        shop.cache.set(&*key, &1).await.expect("it is stored");
        shop.cache.get::<i32>(&*key).await.expect("it is read");
        page.open(&shop.link()).await;
        page.until_says("#forget", "Forget the token").await;
        let address = page.driver.current_url().await.expect("an address");
        assert_eq!(address.as_str(), shop.url());
        let history = page.read("return history.length").await;
        page.open(&shop.url()).await; // a reload of this tab: it remembers
        page.until_says("#forget", "Forget the token").await;
        assert_eq!(page.read("return history.length").await, history, "no page with the token to go back to");
        let source = page.driver.source().await.expect("the source");
        assert!(!source.contains(&shop.token), "it stands nowhere in the page");
        page.until_says("#top", KEY_MARK).await;
        page.click("#top .key").await;
        page.until_says("#explained", KEY_MARK).await;
        page.until_says("#entries", KEY_MARK).await;
        page.click("#forget").await;
        page.until_says("#access-words", "Keys and changes need the token").await;
        let left = "return document.documentElement.textContent
            + [...document.querySelectorAll('input')].map(({ value }) => value).join()";
        let left = page.read(left).await;
        assert!(!left.as_str().expect("a text").contains(KEY_MARK), "what it showed goes with it");
        assert_eq!(page.read("return sessionStorage.length").await, 0);
    });
}

#[test]
fn a_wrong_token_is_refused_and_says_so() {
    let shop = Shop::open();
    let key = format!("user::{KEY_MARK}::profile");
    browse("wrong token", async |page| {
        shop.cache.set(&*key, &1).await.expect("it is stored");
        shop.cache.get::<i32>(&*key).await.expect("it is read");
        page.open(&format!("{}#token=wrong-token-of-the-link", shop.url())).await;
        page.until_says("#access-error", WRONG).await;
        let address = page.driver.current_url().await.expect("an address");
        assert_eq!(address.as_str(), shop.url(), "a wrong one is gone from there as well");
        // Counts are for everybody.
        page.until_says("#tiers", "running").await;
        page.until_says("#top-words", "with the token only").await;
        for wrong in ["typed-wrong", "not vis\u{ef}ble", ""] {
            page.fill("#token", wrong).await;
            page.click("#access-form button").await;
            page.until_says("#access-error", if wrong.is_empty() { "Type the token" } else { WRONG }).await;
        }
        assert_eq!(page.read("return sessionStorage.length").await, 0, "a wrong one is not kept");
        let all = page.read("return document.documentElement.textContent").await;
        assert!(!all.as_str().expect("a text").contains(KEY_MARK), "no key without the token");
        for (view, words) in [("entries", "with the token only"), ("operate", "need the token")] {
            page.click(&format!("nav a[href='#{view}']")).await;
            page.until_says(&format!("#view-{view}"), words).await;
            let form = page
                .read(&format!(
                    "return document.querySelector('#{view}-form, #clear-form').checkVisibility()"
                ))
                .await;
            assert_eq!(form, false, "{view}");
        }
        page.fill("#token", &shop.token).await;
        page.click("#access-form button").await;
        page.until_says("#clear-title", "Clear").await;
        page.click("nav a[href='#entries']").await;
        page.until_says("#entries", KEY_MARK).await;
        assert_eq!(page.text("#access-error").await, "");
    });
}

#[test]
fn a_key_that_looks_like_markup_is_shown_as_text() {
    let shop = Shop::open();
    let key = "query::<img/src=x/onerror=alert(1)>";
    browse("markup", async |page| {
        shop.cache.set(key, &1).await.expect("it is stored");
        shop.cache.get::<i32>(key).await.expect("it is read");
        page.open(&shop.link()).await;
        page.until_says("#top", key).await;
        page.click("#top .key").await;
        page.until_says("#explained", key).await;
        page.until_says("#entries", key).await;
        assert_eq!(page.read("return document.querySelectorAll('main img').length").await, 0);
        // And were somebody to write such a line into the script one day, the browser would refuse it.
        let script =
            "try { document.body.innerHTML += '<p>'; return 'taken' } catch (error) { return error.name }";
        assert_eq!(page.read(script).await, "TypeError");
    });
}
