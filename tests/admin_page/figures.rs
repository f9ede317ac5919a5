//! What the page shows of a cache under load.

use apex_cache::message::{Break, Breaks};

use crate::browser::{Page, browse};
use crate::shop::Shop;

async fn tile(page: &Page, name: &str) -> String {
    page.text(&format!("[data-tile='{name}'] .figure")).await
}

#[test]
fn the_page_loads_without_a_complaint_and_its_figures_move_while_a_load_runs() {
    let shop = Shop::open();
    browse("figures", async |page| {
        page.open(&shop.link()).await;
        page.until_says("#verdict", "Nobody has read in the last minute").await;
        page.until_says("#stream", "live").await;
        page.until_says("#health", "healthy").await;
        assert_eq!(tile(page, "hit rate").await, "\u{2013}");
        shop.read(8);
        page.until_says("#verdict", "reads a second out of").await;
        page.until_says("[data-tile='hit rate'] .figure", "%").await;
        page.until_says("[data-tile='load time'] .figure", "ms").await;
        // Each figure becomes another, by itself.
        for (selector, script) in [
            ("reads", "document.querySelector('[data-tile=reads] .figure').innerText"),
            ("entries", "document.querySelector('#tiers [data-tier=user] td:nth-of-type(4)').innerText"),
            ("a line", "document.querySelector('#charts .line')?.getAttribute('d')"),
            ("a legend", "document.querySelector('#charts .chart:nth-child(2) .legend').innerText"),
        ] {
            // A chart has a line once it knows two moments.
            page.until(script).await;
            let now = page.read(&format!("return {script}")).await;
            assert!(now.as_str().is_some_and(|text| !text.is_empty()), "{selector}");
            page.until(&format!("{script} !== {now}")).await;
        }
        page.until_says("#top", "::0").await;
        page.until_says("#events", "user: ").await; // some of the loads fail
        // And through all the rest of it, for what its policy for contents would not allow.
        page.click("#top .key").await;
        page.until_says("#explained", "Fresh for").await;
        page.click("nav a[href='#operate']").await;
        page.fill("#clear-what", "products:*").await;
        page.click("#clear-form button").await;
        page.until_says("#clear-preview", "entries").await;
        page.click("#clear-cancel").await;
        assert_eq!(page.complaints().await, Vec::<String>::new());
    });
}

#[test]
fn a_tier_that_broke_is_told_marked_and_revived() {
    let shop = Shop::open();
    browse("revive", async |page| {
        page.open(&shop.link()).await;
        page.until_says("#tiers", "running").await;
        for _ in 0..5 {
            shop.cache.supervisor().send(Break::new(Breaks::Turn("user".into()))).await.expect("it breaks");
        }
        page.until_says("#health", "failed: user").await;
        page.until_says("#verdict", "Out of service: user").await;
        page.until_says("[data-tile=trouble] .note", "restarts").await;
        page.until_says("#events", "user: broke").await;
        page.until("document.querySelector('#charts .mark') !== null").await;
        page.click("[data-tier=user] button").await;
        page.until_says("#said", "Tier user serves again").await;
        page.until_says("#health", "healthy").await;
    });
}

#[test]
fn a_cache_that_has_ended_is_told() {
    let shop = Shop::open();
    browse("end", async |page| {
        page.open(&shop.link()).await;
        page.until_says("#stream", "live").await;
        shop.cache.shutdown().await.expect("it ends");
        page.until_says("#trouble", "Trying again").await;
        page.until_says("#stream", "not live").await;
        page.until("document.querySelector('#health').innerText === 'does not answer'").await;
    });
}

#[test]
fn advice_is_shown_where_the_host_has_some() {
    let shop = Shop::open();
    browse("advice", async |page| {
        // The host's own advice needs many reads; what the page makes of it needs none.
        let told = r#"{"curves":[{"tier":null,"now_bytes":4194304,"points":[
            {"budget_bytes":1048576,"hit_percent":40.0},{"budget_bytes":2097152,"hit_percent":61.5},
            {"budget_bytes":4194304,"hit_percent":80.5},{"budget_bytes":8388608,"hit_percent":92.0}]},
            {"tier":"user","now_bytes":1048576,"points":[{"budget_bytes":524288,"hit_percent":50.0},
            {"budget_bytes":1048576,"hit_percent":70.0},{"budget_bytes":2097152,"hit_percent":75.0}]}],
            "warnings":[{"tier":"query","what":"Of its entries 62 % expire unread.","do":"Give it a longer time to live."}]}"#;
        page.answer_with("api/advice", told).await;
        page.open(&shop.link()).await;
        page.until_says("#curves figure:nth-child(1)", "80.5\u{a0}% now with 4\u{a0}MB").await;
        page.until_says(
            "#curves figure:nth-child(1)",
            "61.5\u{a0}% with half, 92.0\u{a0}% with twice as much",
        )
        .await;
        page.until_says("#curves figure:nth-child(2)", "75.0\u{a0}% with twice").await;
        page.until_says("#warnings", "Give it a longer time to live.").await;
        page.picture("advice-light", 1440, false).await;
    });
}

/// The modules are asked in the page itself: there is no other place where they run.
#[test]
fn the_arithmetic_of_the_charts_holds() {
    let shop = Shop::open();
    browse("arithmetic", async |page| {
        page.open(&shop.url()).await;
        let script = r#"
            const done = arguments[arguments.length - 1];
            Promise.all(["series", "format", "draw", "advice"].map((name) => import(`./page/${name}.js`))).then(check, done);
            function check([{ Series, quantileOf }, format, draw, { hitsAt }]) {
                const wrong = [];
                const same = (name, is, wanted) => {
                    const [a, b] = [JSON.stringify(is), JSON.stringify(wanted)];
                    if (a !== b) wrong.push(`${name}: ${a}, not ${b}`);
                };
                const tier = (hits, bytes, buckets) => ({ tier: "user", hits, bytes, times: { load: { buckets } } });
                const series = new Series();
                // A sample each 10 s, then each second; 5 hits a second, then 20.
                for (let t = 0; t <= 60; t += 10) series.push(t, [tier(t * 5, 100, [t])]);
                for (let t = 61; t <= 90; t += 1) series.push(t, [tier(300 + (t - 60) * 20, 200, [60, t - 60])]);
                series.push(89, [tier(0, 0, [])]);
                const frame = series.frame(60, 10, ["user"]);
                same("rises", frame.rises((each) => each.bytes), [61]);
                same("times", frame.times, [30, 40, 50, 60, 70, 80, 90]);
                same("rates", frame.rate((each) => each.hits), [null, 5, 5, 5, 20, 20, 20]);
                same("levels", frame.level((each) => each.bytes), [100, 100, 100, 100, 200, 200, 200]);
                same("shares", frame.share((each) => each.hits / 2, (each) => each.hits), [null, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
                same("none", series.frame(60, 10, []).share((each) => each.hits, (each) => each.hits), Array(7).fill(null));
                same("quantiles", frame.quantile(({ load }) => load, 1), [null, 1e-6, 1e-6, 1e-6, 2e-6, 2e-6, 2e-6]);
                same("before all", series.frame(600, 60, ["user"]).times, [0, 60, 90]);
                same("last step", series.frame(25, 20, ["user"]).times, [80, 90]);
                same("whole", frame.whole().rate((each) => each.hits), [null, 12.5]);
                same("quantile", quantileOf([0, 10, 0, 10], 0.5), 2e-6);
                same("quantile of none", quantileOf([0, 0], 0.99), null);
                const blank = (text) => text.replaceAll("\u00a0", " ");
                for (const [is, wanted] of [
                    [format.span(20e-3), "20 ms"], [format.span(3.42e-3), "3.4 ms"], [format.span(0.412), "412 ms"],
                    [format.span(100), "1m 40s"], [format.span(5400), "1h 30m"], [format.span(4e-5), "40 µs"],
                    [format.span(null), "–"], [format.span(10), "10 s"], [format.bytes(100), "100 bytes"],
                    [format.bytes(1), "1 byte"], [format.bytes(1005 * 1024), "0.98 MB"], [format.bytes(4 << 20), "4 MB"],
                    [format.bytes(123.4 * 2 ** 20), "123 MB"], [format.bytes(2 ** 31), "2 GB"], [format.short(1234), "1.23k"],
                    [format.short(20), "20"], [format.short(0), "0"], [format.short(999.9), "1k"], [format.short(0.001), "<0.01"],
                    [format.percent(0.99997), ">99.9 %"], [format.percent(1), "100 %"], [format.percent(0.5), "50.0 %"],
                    [format.counted(1, "entry", "entries"), "1 entry"], [format.counted(1234, "entry", "entries"), "1,234 entries"],
                ]) same("format", blank(is), wanted);
                for (const [text, wanted] of [["90", 90], ["90s", 90], ["10m", 600], ["1h 30m", 5400], ["1h30m", 5400], ["7d", 604800],
                    ["1d\u00a02h", 93600], ["", null], ["0", null], ["10x", null], ["m", null], ["-5", null], ["1.5h", null]]) {
                    same(`seconds of ${text}`, format.seconds(text), wanted);
                }
                same("ticks", draw.roundTicks(1800, 4), [0, 500, 1000, 1500, 2000]);
                same("ticks of bytes", draw.roundTicks(4 << 20, 4, 1024).map((each) => each / (1 << 20)), [0, 1, 2, 3, 4]);
                same("no ticks", draw.roundTicks(0, 4).length > 1, true);
                same("decades", draw.decades(3e-3, 0.2), [0.001, 0.01, 0.1, 1]);
                same("stacked", draw.stacked([[1, null], [2, 5]]), [{ low: [0, 0], high: [1, null] }, { low: [1, 0], high: [3, 5] }]);
                same("gaps", draw.linePath([0, 10, 20, 30], [1, 1, null, 1], (y) => y), "M0.0,1.0L10.0,1.0M29.0,1.0h2");
                same("advice", hitsAt([{ budget_bytes: 10, hit_percent: 40 }, { budget_bytes: 20, hit_percent: 60 }], 15), 50);
                done(wrong);
            }"#;
        let wrong = page.driver.execute_async(script, Vec::new()).await.expect("the modules are there");
        assert_eq!(wrong.json(), &serde_json::json!([]));
    });
}
