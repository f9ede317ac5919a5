//! The keys and invalidations of the shop, in one place, so that a write takes away exactly what the reads stored.
//!
//! Owns: which key an answer has and which scope a change takes.
//! Never: glues text together. `Key::of` and `Pattern::of` encode each part, so no value reaches into another's keys.

use apex_cache::{Key, Pattern, Result, Scope};

pub(crate) fn profile(user: u32) -> Result<Key> {
    Key::of("user").part(user).part("profile").finish()
}

pub(crate) fn orders(user: u32) -> Result<Key> {
    Key::of("user_orders").part(user).part("list").finish()
}

pub(crate) fn catalog() -> Result<Key> {
    Key::of("products").part("all").part("catalog").finish()
}

pub(crate) fn category_page(category: &str) -> Result<Key> {
    Key::of("products").part(category).finish()
}

pub(crate) fn main_categories() -> Result<Key> {
    Key::of("categories").part("main").finish()
}

pub(crate) fn sub_categories(main: &str) -> Result<Key> {
    Key::of("categories").part("sub").part(main).finish()
}

pub(crate) fn discounts(category: &str, vip: u8) -> Result<Key> {
    Key::of("discounts").part(category).part(vip).finish()
}

/// `vip_tiers`, `roles` or `payment_methods`.
pub(crate) fn config(section: &str) -> Result<Key> {
    Key::of("config").part(section).finish()
}

pub(crate) fn leaderboard() -> Result<Key> {
    Key::of("query").part("get_leaderboard").part("top10").finish()
}

pub(crate) fn sales() -> Result<Key> {
    Key::of("query").part("sales_by_category").part("all").finish()
}

/// Parameters become one segment; long or strange ones are hashed.
pub(crate) fn search(word: &str, max_cents: i64) -> Result<Key> {
    Key::of("query").part("search").param("word", word).param("max_cents", &max_cents).finish()
}

pub(crate) fn transactions(user: u32) -> Result<Key> {
    Key::of("query").part("transactions").part(user).finish()
}

/// A wallet was changed: all that is cached of the user.
pub(crate) fn wallet_changed(user: u32) -> Result<Vec<Scope>> {
    Ok(vec![Pattern::of("user").part(user).rest()?.into()])
}

/// Something was bought: all of the user, the orders, and the history of transactions.
pub(crate) fn purchased(user: u32) -> Result<Vec<Scope>> {
    Ok(vec![
        Pattern::of("user").part(user).rest()?.into(),
        Pattern::of("user_orders").part(user).rest()?.into(),
        transactions(user)?.into(),
    ])
}

/// A product came, went or changed: every page and list that could show it, and every search.
pub(crate) fn product_written() -> Result<Vec<Scope>> {
    Ok(vec![
        Pattern::parse("products:*")?.into(),
        Pattern::parse("categories:*")?.into(),
        Pattern::of("query").part("search").rest()?.into(),
    ])
}

/// A discount changed: those of its category, for every VIP tier, as higher tiers have those of lower ones too.
pub(crate) fn discount_changed(category: &str) -> Result<Vec<Scope>> {
    Ok(vec![Pattern::of("discounts").part(category).rest()?.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(scopes: &[Scope], key: Result<Key>) -> bool {
        let key = key.unwrap();
        scopes.iter().any(|scope| scope.matches(key.as_str()))
    }

    #[test]
    fn a_change_takes_what_shows_it_and_leaves_the_rest() {
        let purchase = purchased(42).unwrap();
        assert!(
            takes(&purchase, profile(42))
                && takes(&purchase, orders(42))
                && takes(&purchase, transactions(42))
        );
        assert!(
            !takes(&purchase, profile(421))
                && !takes(&purchase, catalog())
                && !takes(&purchase, transactions(4))
        );
        assert!(!takes(&wallet_changed(42).unwrap(), orders(42)));
        let product = product_written().unwrap();
        for key in [
            catalog(),
            category_page("yarn"),
            main_categories(),
            sub_categories("crafts"),
            search("Nova", 500),
        ] {
            assert!(takes(&product, key));
        }
        assert!(!takes(&product, leaderboard()) && !takes(&product, config("roles")));
        let discount = discount_changed("yarn").unwrap();
        assert!(takes(&discount, discounts("yarn", 4)) && !takes(&discount, discounts("wood", 4)));
    }

    #[test]
    fn keys_read_well() {
        assert_eq!(profile(7).unwrap().as_str(), "user::7::profile");
        assert_eq!(leaderboard().unwrap().as_str(), "query::get_leaderboard::top10");
        assert_eq!(search("Nova", 500).unwrap().as_str(), "query::search::max_cents=500,word=Nova");
    }
}
