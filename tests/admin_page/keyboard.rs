//! The page without a mouse, and as it is read out.

use thirtyfour::Key;

use crate::browser::browse;
use crate::shop::Shop;

#[test]
fn everything_is_reached_and_carried_out_by_keys_alone() {
    let shop = Shop::open();
    browse("keyboard", async |page| {
        page.open(&shop.link()).await;
        page.until_says("#tiers", "running").await;
        page.press(Key::Tab).await;
        assert_eq!(page.focus().await, "skip", "the way past the bar comes first");
        page.press(Key::Enter).await;
        assert_eq!(page.focus().await, "main");
        // Every chart has a cursor that arrow keys move, and that tells where it is.
        for _ in 0..40 {
            page.press(Key::Tab).await;
            if page.focus().await == "cursor" {
                break;
            }
        }
        let told = "document.activeElement.getAttribute('aria-valuetext')";
        assert_eq!(page.focus().await, "cursor");
        let before = page.read(&format!("return {told}")).await;
        page.press(Key::Home).await;
        page.until(&format!("{told} !== {before} && /^\\d\\d:\\d\\d:\\d\\d: hits/.test({told})")).await;
        page.until("document.querySelectorAll('.cross[d^=M]').length === 6").await; // all charts point there
        page.press(Key::Escape).await;
        page.until("document.querySelectorAll('.cross[d^=M]').length === 0").await;
        // The focus can be seen wherever it is.
        let ring = "const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                    return `${outlineStyle} ${outlineWidth}`";
        assert_eq!(page.read(ring).await, "solid 2px");
        // A clear, from the first key to the last.
        page.read("document.querySelector(`nav a[href='#operate']`).focus()").await;
        page.press(Key::Enter).await;
        page.until("document.querySelector('#clear-what').checkVisibility()").await;
        for _ in 0..10 {
            page.press(Key::Tab).await;
            if page.focus().await == "clear-what" {
                break;
            }
        }
        page.press("tier:reference").await;
        page.press(Key::Enter).await;
        page.until_says("#clear-do", "Clear 300 entries").await;
        page.until("document.activeElement.id === 'clear-do'").await;
        for _ in 0..12 {
            page.press(Key::Tab).await;
            let inside = "return document.activeElement === document.body || document.querySelector('#clear-dialog').contains(document.activeElement)";
            assert_eq!(page.read(inside).await, true, "the dialog keeps the focus");
        }
        page.read("document.querySelector('#clear-do').focus()").await;
        page.press(Key::Enter).await;
        page.until_says("#said", "Cleared 300 entries").await;
        page.until("document.activeElement.id === 'clear-what' || document.activeElement.closest('#clear-form') !== null").await;
    });
}

#[test]
fn what_is_shown_has_a_name_and_a_table_for_those_who_hear_it() {
    let shop = Shop::open();
    shop.read(4);
    browse("names", async |page| {
        page.open(&shop.link()).await;
        page.until_says("#verdict", "reads a second").await;
        let nameless = "return [...document.querySelectorAll('input, select, button, [role=slider], [role=region]')]
            .filter((each) => !(each.labels?.length > 0) && !each.getAttribute('aria-label') && !each.getAttribute('aria-labelledby')
                && each.checkVisibility() && each.textContent.trim() === '')
            .map((each) => each.outerHTML.slice(0, 120))";
        assert_eq!(page.read(nameless).await, serde_json::json!([]));
        let pictures = "return [...document.querySelectorAll('#charts svg')].map((svg) => svg.getAttribute('role') === 'img'
            && svg.querySelector('title').textContent !== '' && svg.querySelector('desc').textContent !== '')";
        assert_eq!(page.read(pictures).await, serde_json::json!([true, true, true, true, true, true]));
        page.click("#charts .chart summary").await;
        page.until("document.querySelectorAll('#charts .chart:first-child tbody tr').length > 3").await;
        page.until_says("#charts .chart:first-child tbody", "%").await;
        let heads = "return [...document.querySelectorAll('thead th')].every((th) => th.scope === 'col' && th.textContent !== '')";
        assert_eq!(page.read(heads).await, true);
        assert_eq!(
            page.read(
                "return new Set([...document.querySelectorAll('[id]')].map(({ id }) => id)).size
            - document.querySelectorAll('[id]').length"
            )
            .await,
            0,
            "each id is there once"
        );
    });
}

#[test]
fn the_colours_of_texts_can_be_told_from_their_ground() {
    let shop = Shop::open();
    browse("contrast", async |page| {
        page.open(&shop.link()).await;
        page.until_says("#tiers", "running").await;
        // By the formula of the web's guidelines; 4.5 is what they ask of texts.
        let script = "const style = getComputedStyle(document.documentElement);
            const light = (name) => {
                const parts = style.getPropertyValue(name).trim().slice(1).match(/../g).map((part) => parseInt(part, 16) / 255);
                const [r, g, b] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const pairs = ['ink', 'soft', 'faint', 'accent', 'good', 'warn', 'bad'].flatMap((ink) => [[ink, 'panel'], [ink, 'ground']]);
            return [...pairs, ['on-accent', 'accent'], ['bad', 'bad-ground'], ['panel', 'bad'], ['panel', 'ink']].map(([a, b]) => {
                const [high, low] = [light(`--${a}`), light(`--${b}`)].sort((x, y) => y - x);
                return [`${a} on ${b}`, (high + 0.05) / (low + 0.05)];
            }).filter(([, contrast]) => contrast < 4.5)";
        for dark in [false, true] {
            page.size(1440, 900, dark).await;
            assert_eq!(page.read(script).await, serde_json::json!([]), "dark: {dark}");
        }
    });
}
