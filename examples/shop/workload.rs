//! Runs a plan against the shop: some hundred sessions at once, each answer timed and checked.
//!
//! Owns: what an interaction asks, at once where the questions are independent, and the tally of a run.
//! Never: decides anything that the plan has not decided, so that two runs do the same.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::Trouble;
use crate::measure::Samples;
use crate::model::{KINDS, Kind, User, Versioned, Written};
use crate::plan::{Action, Plan, Session};
use crate::reads::{Answer, Origin, Shop};
use crate::truth::{Scope, Truth};

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) interactions: Samples,
    pub(crate) hits: Samples,
    pub(crate) reads: [u64; KINDS],
    pub(crate) joined: u64,
    pub(crate) stale: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
    pub(crate) wall: Duration,
}

impl Tally {
    /// Reads of all kinds.
    pub(crate) fn reads_total(&self) -> u64 {
        self.reads.iter().sum()
    }

    fn add(&mut self, other: &Self) {
        self.interactions.extend(&other.interactions);
        self.hits.extend(&other.hits);
        for (sum, part) in self.reads.iter_mut().zip(other.reads) {
            *sum += part;
        }
        self.joined += other.joined;
        self.stale += other.stale;
        self.refused += other.refused;
        self.failed += other.failed;
        if self.first_failure.is_none() {
            self.first_failure.clone_from(&other.first_failure);
        }
    }

    fn fail(&mut self, trouble: &Trouble) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| trouble.to_string());
    }
}

/// Follows the plan to its end. Lanes start evenly over the first second.
pub(crate) async fn run(shop: Arc<Shop>, plan: Arc<Plan>, truth: Arc<Truth>, bar: ProgressBar) -> Tally {
    let begun = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in 0..plan.at_once {
        let (shop, plan, truth, bar) =
            (Arc::clone(&shop), Arc::clone(&plan), Arc::clone(&truth), bar.clone());
        lanes.spawn(async move {
            tokio::time::sleep(Duration::from_secs(1) * lane as u32 / plan.at_once as u32).await;
            let tally = Mutex::new(Tally::default());
            for session in plan.sessions.iter().skip(lane).step_by(plan.at_once) {
                visit(&shop, &truth, session, &bar, &tally).await;
            }
            tally.into_inner()
        });
    }
    let mut tally = Tally::default();
    while let Some(lane) = lanes.join_next().await {
        match lane {
            Ok(part) => tally.add(&part),
            Err(error) => tally.fail(&Trouble::Database(format!("a session broke off: {error}"))),
        }
    }
    tally.wall = begun.elapsed();
    bar.finish_and_clear();
    tally
}

/// One session, from the first interaction to the last.
pub(crate) async fn visit(
    shop: &Shop,
    truth: &Truth,
    session: &Session,
    bar: &ProgressBar,
    tally: &Mutex<Tally>,
) {
    let visit = Visit { shop, truth, user: session.user, tally };
    for step in &session.steps {
        let begun = Instant::now();
        visit.interact(step.action).await;
        tally.lock().interactions.push(begun.elapsed());
        bar.inc(1);
        if step.pause > Duration::ZERO {
            tokio::time::sleep(step.pause).await;
        }
    }
}

/// A user in the shop; the tally is locked for a moment per answer, as questions are asked at once.
struct Visit<'a> {
    shop: &'a Shop,
    truth: &'a Truth,
    user: u32,
    tally: &'a Mutex<Tally>,
}

impl Visit<'_> {
    async fn interact(&self, action: Action) {
        let (shop, user) = (self.shop, self.user);
        match action {
            Action::Welcome => self.welcome().await,
            Action::Browse { main, sub } => self.browse(main, sub).await,
            Action::Search { word, max_cents } => {
                let found =
                    self.ask(Kind::SearchProducts, Scope::Products, shop.search_products(word, max_cents));
                tokio::join!(self.profile(), found);
            }
            Action::Orders => {
                tokio::join!(
                    self.profile(),
                    self.ask(Kind::GetOrdersForUser, Scope::Orders(user), shop.get_orders_for_user(user)),
                    self.ask(Kind::GetTransactions, Scope::Orders(user), shop.get_transactions(user)),
                );
            }
            Action::Boards => {
                tokio::join!(
                    self.profile(),
                    self.ask(Kind::GetLeaderboard, Scope::Aging, shop.get_leaderboard()),
                    self.ask(Kind::GetSalesByCategory, Scope::Aging, shop.get_sales_by_category()),
                );
            }
            Action::Catalog => {
                let catalog = self.ask(Kind::GetAllProducts, Scope::Products, shop.get_all_products());
                tokio::join!(self.profile(), catalog);
            }
            Action::Mutate(mutation) => {
                self.profile().await;
                match shop.mutate(user, mutation).await {
                    // Only now: the database has the change and the cache has answered the invalidation.
                    Ok(Written::Done(version)) => self.truth.acknowledge(&mutation.scopes(user), version),
                    Ok(Written::Refused) => self.tally.lock().refused += 1,
                    Err(trouble) => self.tally.lock().fail(&trouble),
                }
            }
        }
    }

    /// Shows nothing of the user yet, while the cache fetches in the background what the next pages need of them.
    async fn welcome(&self) {
        let shop = self.shop;
        if let Err(trouble) = shop.user_active(self.user).await {
            self.tally.lock().fail(&trouble);
        }
        tokio::join!(
            self.ask(Kind::GetDistinctMainCategories, Scope::Products, shop.get_distinct_main_categories()),
            self.ask(Kind::GetVipTiers, Scope::Config, shop.get_vip_tiers()),
            self.ask(Kind::GetRoles, Scope::Config, shop.get_roles()),
            self.ask(Kind::GetPaymentMethods, Scope::Config, shop.get_payment_methods()),
        );
    }

    async fn browse(&self, main: &'static str, sub: &'static str) {
        let shop = self.shop;
        let (profile, ..) = tokio::join!(
            self.profile(),
            self.ask(Kind::GetDistinctMainCategories, Scope::Products, shop.get_distinct_main_categories()),
            self.ask(Kind::GetDistinctSubCategories, Scope::Products, shop.get_distinct_sub_categories(main)),
            self.ask(Kind::GetProductsByCategory, Scope::Products, shop.get_products_by_category(sub)),
        );
        if let Some(user) = profile {
            let discounts = shop.get_applicable_discounts(sub, user.vip);
            self.ask(Kind::GetApplicableDiscounts, Scope::Discounts(sub), discounts).await;
        }
    }

    async fn profile(&self) -> Option<User> {
        self.ask(Kind::GetUser, Scope::User(self.user), self.shop.get_user(self.user)).await
    }

    /// Times and judges one answer. `query` does nothing before it is awaited, so the version is noted before it begins.
    async fn ask<T: Versioned>(
        &self,
        kind: Kind,
        scope: Scope,
        query: impl Future<Output = Result<Answer<T>, Trouble>>,
    ) -> Option<T> {
        let noted = self.truth.acknowledged(scope);
        let begun = Instant::now();
        let answer = query.await;
        let took = begun.elapsed();
        let mut tally = self.tally.lock();
        match answer {
            Ok(Answer { value, origin, age }) => {
                tally.reads[kind as usize] += 1;
                tally.stale += u64::from(self.truth.is_stale(scope, noted, value.version(), age));
                match origin {
                    Origin::Memory => tally.hits.push(took),
                    Origin::Joined => tally.joined += 1,
                    Origin::Database => {}
                }
                Some(value)
            }
            Err(trouble) => {
                tally.fail(&trouble);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;
    use crate::database::Database;
    use crate::options::{Options, Span};
    use crate::schema::Master;

    #[tokio::test]
    async fn without_cache_every_read_is_a_query_and_no_answer_is_stale() {
        let none = Span { min: 0, max: 0 };
        let small = Options {
            users: 30,
            products: 200,
            sessions: 40,
            at_once: 10,
            think: none,
            ..Options::default()
        };
        let master = Master::open(&small).unwrap();
        let database = Database::open(&master.copy("test").unwrap(), none, 1).unwrap();
        let plan = Arc::new(Plan::new(&small, 20.0));
        let categories = data::leaves().into_iter().map(|(_, sub)| sub);
        let truth = Arc::new(Truth::new(small.users, categories, Duration::ZERO));
        let shop = Arc::new(Shop::Direct(database.clone()));
        let tally = run(shop, Arc::clone(&plan), truth, ProgressBar::hidden()).await;
        assert_eq!((tally.stale, tally.failed, tally.hits.len()), (0, 0, 0), "{:?}", tally.first_failure);
        assert_eq!(tally.interactions.len(), plan.interactions());
        let counts = database.counts();
        for (kind, name) in Kind::ALL.into_iter().filter(|(kind, _)| kind.is_read()) {
            assert_eq!(tally.reads[kind as usize], counts[kind as usize], "{name}");
        }
        let written: u64 = counts[Kind::UpdateWalletBalance as usize..].iter().sum();
        assert_eq!(written, plan.mutations() as u64);
    }
}
