//! A conversation with the bot, and what it must say.
//!
//! Owns: the lines. Never: looks inside but for how often the prices were asked.

use std::io::{Error, Result};

use crate::bot::Bot;

/// Who says what, what must stand in the answer, and how often the prices were asked by then.
const LINES: &[(&str, &str, &str, u64)] = &[
    ("eve", "/price sencha", "sencha: 6.90", 0), // warmed at the start
    ("eve", "/price mate", "We have no mate.", 1),
    ("eve", "/price mate", "We have no mate.", 1),
    ("eve", "/setprice mate 1", "Only keepers", 1),
    ("ken", "/setprice mate 520", "new price", 1),
    ("eve", "/price mate", "mate: 5.20", 2), // the change took the old answer away
    ("eve", "/cache-help", "/cache-clear", 2),
    ("eve", "/cache-stats", "role Staff", 2),
    ("ann", "/cache-stats", "reference", 2),
    ("ann", "/cache-info", "reference", 2),
    ("ann", "/cache-claer all", "/cache-clear", 2),
    ("ann", "/cache-clear products:* --dry-run", "3", 2),
    ("ann", "/cache-clear products:*", "role Owner", 2),
    ("ken", "/cache-clear products:*", "role Owner", 2),
    ("olga", "/cache-clear products:*", "takes 3 entries away", 2),
    ("ken", "yes", "Yes to what?", 2), // another's question
    ("olga", "no", "", 2),
    ("olga", "yes", "Yes to what?", 2), // asked only once
    ("eve", "/price sencha", "sencha: 6.90", 2),
    ("olga", "/cache-clear products:*", "takes 3 entries away", 2),
    ("olga", "yes", "3", 2),
    ("eve", "/price sencha", "sencha: 6.90", 3), // gone, so asked for
    ("ken", "/cache-warm reference", "3", 3),
    ("eve", "/price assam", "assam: 4.50", 3),
];

pub(crate) async fn conversation(mut bot: Bot) -> Result<()> {
    for (who, line, wanted, asked) in LINES {
        let answer = bot.answer(who, line).await;
        println!("{who}: {line}\n{}", answer.trim_end());
        if !answer.contains(wanted) || bot.prices().asked() != *asked {
            let so_often = bot.prices().asked();
            return Err(Error::other(format!(
                "{who}: {line}: \"{wanted}\" should be in the answer, and the prices be asked {asked} times; \
                 they were {so_often} times"
            )));
        }
    }
    println!("{} lines were answered as they should", LINES.len());
    Ok(())
}
