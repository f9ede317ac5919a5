//! The rows of the shop, all made from the seed.
//!
//! Owns: names of categories, VIP tiers and words; how many rows of what.
//! Never: opens a file; it fills the transaction that it is given.

use rusqlite::{Result, Transaction};

use crate::random::{Random, Zipf};

/// Ten main categories of four sub-categories each: fifty categories in all.
pub(crate) const CATEGORIES: [(&str, [&str; 4]); 10] = [
    ("gaming", ["game-keys", "consoles", "controllers", "merchandise"]),
    ("software", ["office", "security", "graphics", "developer-tools"]),
    ("music", ["instruments", "recordings", "headphones", "sheet-music"]),
    ("books", ["novels", "science", "comics", "travel"]),
    ("home", ["kitchen", "lighting", "storage", "textiles"]),
    ("garden", ["seeds", "tools", "furniture", "watering"]),
    ("sports", ["running", "cycling", "climbing", "swimming"]),
    ("electronics", ["phones", "cameras", "cables", "sensors"]),
    ("crafts", ["paint", "paper", "yarn", "wood"]),
    ("gifts", ["cards", "vouchers", "boxes", "sweets"]),
];

/// VIP tiers and from how much spending on; a tier's number is its place here.
pub(crate) const VIP_TIERS: [(&str, i64); 5] =
    [("none", 0), ("bronze", 50_000), ("silver", 150_000), ("gold", 400_000), ("platinum", 1_000_000)];

/// What product names begin with, and so what is searched for.
pub(crate) const FIRST_WORDS: [&str; 48] = [
    "Amber", "Arctic", "Atlas", "Aurora", "Basalt", "Birch", "Bold", "Breeze", "Cedar", "Cinder", "Clear",
    "Cobalt", "Copper", "Coral", "Crisp", "Dawn", "Delta", "Drift", "Dune", "Ember", "Fern", "Flint",
    "Forest", "Glacier", "Granite", "Harbor", "Hazel", "Indigo", "Ivory", "Jade", "Juniper", "Lark", "Linen",
    "Lunar", "Maple", "Marble", "Meadow", "Nimbus", "Nova", "Onyx", "Opal", "Pebble", "Pine", "Quartz",
    "River", "Saffron", "Slate", "Willow",
];

const SECOND_WORDS: [&str; 12] = [
    "Basic", "Compact", "Classic", "Deluxe", "Edition", "Family", "Light", "Plus", "Prime", "Select",
    "Studio", "Travel",
];
const VENDORS: [&str; 8] =
    ["Northwind", "Halden & Co", "Tessera", "Brook Lane", "Orrin", "Kestrel Works", "Pallas", "Mori"];
const FIRST_NAMES: [&str; 12] =
    ["Ada", "Ben", "Chloe", "Dmitri", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Luis"];
const ROLES: [(&str, i64); 4] = [("customer", 0), ("moderator", 10), ("support", 20), ("owner", 100)];
const PAYMENT_METHODS: [(&str, i64); 5] =
    [("wallet", 0), ("card", 30), ("bank transfer", 0), ("invoice", 150), ("voucher", 0)];

/// Orders per user on average.
const ORDERS_PER_USER: u32 = 3;

/// The sub-categories with their main categories, numbered as the plan of the workload numbers them.
pub(crate) fn leaves() -> Vec<(&'static str, &'static str)> {
    CATEGORIES.iter().flat_map(|(main, subs)| subs.iter().map(move |sub| (*main, *sub))).collect()
}

/// Writes all rows.
pub(crate) fn fill(rows: &Transaction<'_>, seed: u64, users: u32, products: u32) -> Result<()> {
    config(rows)?;
    let leaves = leaves();
    let mut random = Random::stream(seed, 1);
    for (_, category) in &leaves {
        for vip in 0..VIP_TIERS.len() as u8 {
            let percent = random.between(0, 3) + 3 * i64::from(vip);
            rows.execute(
                "INSERT INTO discounts VALUES(?, ?, ?, ?)",
                (category, vip, percent, format!("{}-{percent}", category.to_uppercase())),
            )?;
        }
    }
    let prices = fill_products(rows, &mut random, products, &leaves)?;
    fill_users(rows, &mut random, users)?;
    fill_orders(rows, &mut random, users, &prices, &leaves)
}

fn config(rows: &Transaction<'_>) -> Result<()> {
    for (id, (name, from)) in VIP_TIERS.iter().enumerate() {
        rows.execute("INSERT INTO vip_tiers VALUES(?, ?, ?)", (id as u32, name, from))?;
    }
    for role in ROLES {
        rows.execute("INSERT INTO roles VALUES(?, ?)", role)?;
    }
    for method in PAYMENT_METHODS {
        rows.execute("INSERT INTO payment_methods VALUES(?, ?)", method)?;
    }
    Ok(())
}

/// Returns the prices, in the order of the product numbers (which begin at 1).
fn fill_products(
    rows: &Transaction<'_>,
    random: &mut Random,
    products: u32,
    leaves: &[(&str, &str)],
) -> Result<Vec<i64>> {
    let mut insert = rows.prepare("INSERT INTO products VALUES(?, ?, ?, ?, ?, ?, ?)")?;
    let mut stock = rows.prepare("INSERT INTO stock VALUES(?, ?)")?;
    let mut prices = Vec::with_capacity(products as usize);
    for id in 1..=products {
        let (main, sub) = leaves[id as usize % leaves.len()];
        let first = random.pick(&FIRST_WORDS);
        let name = format!("{first} {} {id}", random.pick(&SECOND_WORDS));
        let vendor = random.pick(&VENDORS);
        let description = format!(
            "{name} by {vendor}, from our {main} range. Ships within two days, thirty days to return it."
        );
        let price = random.between(199, 24_999);
        insert.execute((id, sub, name, description, vendor, price, random.between(20, 50)))?;
        stock.execute((id, random.between(20, 200)))?;
        prices.push(price);
    }
    drop((insert, stock));
    let mut count =
        rows.prepare("INSERT INTO categories SELECT ?2, ?1, count(*) FROM products WHERE category = ?2")?;
    for leaf in leaves {
        count.execute(*leaf)?;
    }
    Ok(prices)
}

fn fill_users(rows: &Transaction<'_>, random: &mut Random, users: u32) -> Result<()> {
    let mut insert = rows.prepare(
        "INSERT INTO users(id, name, email, role, vip, wallet_cents, spent_cents) VALUES(?, ?, ?, ?, ?, ?, ?)",
    )?;
    let tiers = Zipf::new(VIP_TIERS.len(), 1.2);
    for id in 1..=users {
        let name = format!("{} {id}", random.pick(&FIRST_NAMES));
        let email = format!("user{id}@shop.example");
        let role = if id % 500 == 0 { "support" } else { "customer" };
        let vip = tiers.draw(random);
        let spent = VIP_TIERS[vip].1 + random.between(0, 40_000);
        insert.execute((id, name, email, role, vip as u32, random.between(20_000, 500_000), spent))?;
    }
    Ok(())
}

fn fill_orders(
    rows: &Transaction<'_>,
    random: &mut Random,
    users: u32,
    prices: &[i64],
    leaves: &[(&str, &str)],
) -> Result<()> {
    let mut order = rows.prepare("INSERT INTO orders VALUES(?, ?, ?, ?, ?)")?;
    let mut transaction = rows.prepare("INSERT INTO transactions VALUES(?, ?, ?, ?)")?;
    for id in 1..=users * ORDERS_PER_USER {
        let user = random.id(users);
        let product = random.id(prices.len() as u32);
        let (_, category) = leaves[product as usize % leaves.len()];
        let amount = prices[product as usize - 1];
        order.execute((id, user, product, category, amount))?;
        transaction.execute((id, user, -amount, format!("order {id}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn category_names_are_all_different() {
        let leaves = leaves();
        let names: HashSet<&str> =
            leaves.iter().map(|(_, sub)| *sub).chain(CATEGORIES.map(|(main, _)| main)).collect();
        assert_eq!(names.len(), 50);
    }
}
