//! What the bot answers to a line.
//!
//! Owns: its two words of its own, the order of right, question and deed. Never: panics on what somebody typed.

use std::collections::HashMap;

use apex_cache::admin::{Command, Style};
use apex_cache::{Cache, Key, Result};

use crate::prices::Prices;
use crate::rights::{Role, needed_for, role_of};

pub(crate) struct Bot {
    cache: Cache,
    prices: Prices,
    /// What people were asked about and have not answered. One command each, so this is bounded by the owners.
    asked: HashMap<String, Command>,
}

pub(crate) fn price_key(tea: &str) -> Result<Key> {
    Key::of("products").part("price").part(tea).finish()
}

impl Bot {
    pub(crate) fn new(cache: Cache, prices: Prices) -> Self {
        Self { cache, prices, asked: HashMap::new() }
    }

    pub(crate) fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Never fails: what goes wrong is a sentence for the one who typed.
    pub(crate) async fn answer(&mut self, who: &str, line: &str) -> String {
        let asked = self.asked.remove(who);
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match (words.as_slice(), asked) {
            (["yes"], Some(command)) => self.carry_out(command, who).await,
            (["yes"], None) => Ok("Yes to what?".to_owned()),
            (["/price", tea], _) => self.price(tea).await,
            (["/setprice", tea, cents], _) => self.set_price(who, tea, cents).await,
            _ => self.command(who, line).await,
        };
        answer.unwrap_or_else(|error| error.to_string())
    }

    async fn price(&self, tea: &str) -> Result<String> {
        let (prices, asked) = (self.prices.clone(), tea.to_owned());
        let price = self.cache.get_or_load(price_key(tea)?, move || prices.of(asked)).await?;
        Ok(price.map_or_else(
            || format!("We have no {tea}."),
            |cents| format!("{tea}: {}.{:02}", cents / 100, cents % 100),
        ))
    }

    async fn set_price(&self, who: &str, tea: &str, cents: &str) -> Result<String> {
        if role_of(who) < Role::Keeper {
            return Ok("Only keepers change prices.".to_owned());
        }
        let Ok(cents) = cents.parse() else { return Ok(format!("{cents} is no number of cents.")) };
        self.prices.set(tea, cents);
        self.cache.remove(price_key(tea)?).await?;
        Ok(format!("{tea} has a new price."))
    }

    /// A line for the cache: understood, allowed, asked about when it takes something away, carried out.
    async fn command(&mut self, who: &str, line: &str) -> Result<String> {
        let command = Command::parse(line)?;
        let needed = needed_for(&command);
        if role_of(who) < needed {
            return Ok(format!("That needs the role {needed:?}, {who}."));
        }
        if let Command::Clear { scope, dry_run: false } = &command {
            // Count first: the person sees what a yes would do.
            let would_go = self.cache.invalidate(scope.clone()).dry_run().await?;
            self.asked.insert(who.to_owned(), command);
            return Ok(format!("This takes {} entries away. Say yes to do it.", would_go.matched));
        }
        self.carry_out(command, who).await
    }

    async fn carry_out(&self, command: Command, who: &str) -> Result<String> {
        Ok(self.cache.run(command, who).await?.show(Style::Emoji))
    }
}
