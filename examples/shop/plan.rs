//! The plan of a run: who comes when and does what, all drawn from the seed before anything starts.
//!
//! Owns: the mix of interactions. The runs without and with cache follow the very same plan.
//! Never: asks the shop anything.

use std::time::Duration;

use crate::data::{self, FIRST_WORDS, VIP_TIERS};
use crate::mutations::ProductWrite;
use crate::options::{Options, Span};
use crate::random::{Random, Zipf};
use crate::truth::Scope;

/// Zipf exponents: how much the first is preferred to those behind.
const USERS_EXPONENT: f64 = 1.0;
const CATEGORIES_EXPONENT: f64 = 0.7;
const WORDS_EXPONENT: f64 = 0.9;

/// What is looked at, in percent of the views; the rest are category pages.
const CATALOG_PERCENT: f64 = 1.0;
const SEARCH_PERCENT: f64 = 14.0;
const ORDERS_PERCENT: f64 = 20.0;
const BOARDS_PERCENT: f64 = 2.0;

/// Of the mutations, every hundredth writes a product and this many percent change a discount.
const PRODUCT_WRITE_EVERY: u64 = 100;
const DISCOUNT_PERCENT: f64 = 5.0;

/// What one interaction does. All but `Welcome` read the profile as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The first of a session: tells the cache that the user is here, shows main categories and ways to pay.
    Welcome,
    /// A category page with the lists to navigate by, then the discounts for the user's VIP tier.
    Browse { main: &'static str, sub: &'static str },
    /// Products by the beginning of their name, up to a price.
    Search { word: &'static str, max_cents: i64 },
    /// The user's orders and transactions.
    Orders,
    /// Leaderboard and sales by category.
    Boards,
    /// The full catalog.
    Catalog,
    /// A change.
    Mutate(Mutation),
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    Wallet { add_cents: i64 },
    Purchase { product: u32 },
    Product(ProductWrite),
    Discount { category: &'static str, vip: u8, percent: u8 },
}

impl Mutation {
    /// The scopes whose answers must be new once this was acknowledged.
    pub(crate) fn scopes(self, user: u32) -> Vec<Scope> {
        match self {
            Self::Wallet { .. } => vec![Scope::User(user)],
            Self::Purchase { .. } => vec![Scope::User(user), Scope::Orders(user)],
            Self::Product(_) => vec![Scope::Products],
            Self::Discount { category, .. } => vec![Scope::Discounts(category)],
        }
    }
}

/// An interaction and the pause of the person after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) pause: Duration,
}

/// One visit of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) user: u32,
    pub(crate) steps: Vec<Step>,
}

/// All sessions; session i runs in lane i modulo `at_once`, after the one before it in that lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) sessions: Vec<Session>,
    pub(crate) at_once: usize,
}

impl Plan {
    /// Draws the plan; `writes` is the percentage of interactions after the first that change something.
    pub(crate) fn new(options: &Options, writes: f64) -> Self {
        let mut draw = Draw::new(options);
        let at_once = options.at_once.min(options.sessions) as usize;
        let mut sessions: Vec<Session> = (0..options.sessions)
            .map(|_| Session {
                user: draw.users.draw(&mut draw.random) as u32 + 1,
                steps: vec![Step { action: Action::Welcome, pause: draw.pause() * 4 }],
            })
            .collect();
        // Step by step over all lanes, which is about the order in time: so product writes come evenly spaced.
        for wave in sessions.chunks_mut(at_once) {
            for _ in 0..options.interactions {
                for session in &mut *wave {
                    let action = draw.action(writes);
                    session.steps.push(Step { action, pause: draw.pause() });
                }
            }
        }
        Self { sessions, at_once }
    }

    /// Interactions in all.
    pub(crate) fn interactions(&self) -> usize {
        self.sessions.iter().map(|session| session.steps.len()).sum()
    }

    /// Mutations in all.
    pub(crate) fn mutations(&self) -> usize {
        let steps = self.sessions.iter().flat_map(|session| &session.steps);
        steps.filter(|step| matches!(step.action, Action::Mutate(_))).count()
    }

    /// The mix in words, for the report.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{} interactions, {} of them change something (every {PRODUCT_WRITE_EVERY}th of these a product, \
             {DISCOUNT_PERCENT} % a discount, the rest wallets and purchases)\n  views: {CATALOG_PERCENT} % full catalog, \
             {SEARCH_PERCENT} % search, {ORDERS_PERCENT} % orders and transactions, {BOARDS_PERCENT} % leaderboard and \
             sales, the rest category pages with navigation and discounts; each reads the profile\n  Zipf exponents: \
             users {USERS_EXPONENT}, categories {CATEGORIES_EXPONENT}, search words {WORDS_EXPONENT}",
            self.interactions(),
            self.mutations(),
        )
    }
}

struct Draw {
    random: Random,
    users: Zipf,
    categories: Zipf,
    words: Zipf,
    leaves: Vec<(&'static str, &'static str)>,
    products: u32,
    think: Span,
    mutations: u64,
}

impl Draw {
    fn new(options: &Options) -> Self {
        let leaves = data::leaves();
        Self {
            random: Random::stream(options.seed, 2),
            users: Zipf::new(options.users as usize, USERS_EXPONENT),
            categories: Zipf::new(leaves.len(), CATEGORIES_EXPONENT),
            words: Zipf::new(FIRST_WORDS.len(), WORDS_EXPONENT),
            leaves,
            products: options.products,
            think: options.think,
            mutations: 0,
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.think.min + self.random.below(self.think.max - self.think.min + 1))
    }

    fn leaf(&mut self) -> (&'static str, &'static str) {
        // A stride that shares no factor with 40 spreads the popular ones over the main categories.
        self.leaves[self.categories.draw(&mut self.random) * 7 % self.leaves.len()]
    }

    fn action(&mut self, writes: f64) -> Action {
        if self.random.percent(writes) {
            return Action::Mutate(self.mutation());
        }
        let mut point = self.random.unit() * 100.0;
        let mut falls_into = |percent: f64| {
            point -= percent;
            point < 0.0
        };
        if falls_into(CATALOG_PERCENT) {
            Action::Catalog
        } else if falls_into(SEARCH_PERCENT) {
            let word = FIRST_WORDS[self.words.draw(&mut self.random)];
            Action::Search { word, max_cents: 5_000 * self.random.between(1, 5) }
        } else if falls_into(ORDERS_PERCENT) {
            Action::Orders
        } else if falls_into(BOARDS_PERCENT) {
            Action::Boards
        } else {
            let (main, sub) = self.leaf();
            Action::Browse { main, sub }
        }
    }

    fn mutation(&mut self) -> Mutation {
        self.mutations += 1;
        if self.mutations % PRODUCT_WRITE_EVERY == PRODUCT_WRITE_EVERY / 2 {
            return Mutation::Product(self.product_write());
        }
        let product = self.random.id(self.products);
        if self.random.percent(DISCOUNT_PERCENT) {
            let vip = self.random.below(VIP_TIERS.len() as u64) as u8;
            Mutation::Discount { category: self.leaf().1, vip, percent: self.random.below(30) as u8 }
        } else if self.random.percent(50.0) {
            Mutation::Wallet { add_cents: self.random.between(1_000, 20_000) }
        } else {
            Mutation::Purchase { product }
        }
    }

    fn product_write(&mut self) -> ProductWrite {
        let price_cents = self.random.between(199, 24_999);
        let id = self.random.id(self.products);
        match self.mutations / PRODUCT_WRITE_EVERY % 3 {
            0 => ProductWrite::Update { id, price_cents },
            1 => ProductWrite::Create { category: self.leaf().1, price_cents },
            _ => ProductWrite::Delete { id },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seed: u64) -> Options {
        Options { seed, sessions: 700, ..Options::default() }
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
        assert_eq!(Plan::new(&options(4), 5.0), Plan::new(&options(4), 5.0));
        assert_ne!(Plan::new(&options(4), 5.0), Plan::new(&options(5), 5.0));
    }

    #[test]
    fn sessions_have_a_welcome_and_then_the_interactions_asked_for() {
        let plan = Plan::new(&options(1), 5.0);
        assert_eq!(plan.interactions(), 700 * 21);
        for session in &plan.sessions {
            assert_eq!((session.steps.len(), session.steps[0].action), (21, Action::Welcome));
            assert!(!session.steps[1..].iter().any(|step| step.action == Action::Welcome));
        }
    }

    #[test]
    fn the_share_of_mutations_is_as_asked_and_one_in_a_hundred_writes_a_product() {
        for percent in [0.0, 1.0, 5.0, 20.0, 100.0] {
            let plan = Plan::new(&options(2), percent);
            let (views, mutations) = (700.0 * 20.0, plan.mutations() as f64);
            assert!(
                (mutations / views * 100.0 - percent).abs() < 0.6,
                "{percent} % asked, {mutations} of {views}"
            );
            let products = plan.sessions.iter().flat_map(|session| &session.steps);
            let products =
                products.filter(|step| matches!(step.action, Action::Mutate(Mutation::Product(_)))).count();
            assert_eq!(products, (plan.mutations() + 50) / 100);
        }
    }
}
