//! Advice, in virtual time: what is warned of, from how much evidence on, and what other budgets are said to bring.
//!
//! Owns: each warning on both sides of its limit, and that a healthy cache is left alone. Never: renders a panel.

mod common;

#[path = "advice/curves.rs"]
mod curves;
#[path = "advice/warnings.rs"]
mod warnings;

use std::time::Duration;

use apex_cache::Cache;
use apex_cache::message::{AdviceSnapshot, WarningKind};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

async fn advice(cache: &Cache) -> AdviceSnapshot {
    cache.advice().await.expect("the stats actor answers")
}

/// The words of all warnings, each behind its tier.
async fn words(cache: &Cache) -> Vec<String> {
    let warnings = advice(cache).await.warnings;
    let word = |warning: &apex_cache::message::Warning| {
        format!("{} {}", warning.tier.as_deref().unwrap_or("-"), warning.word())
    };
    warnings.iter().map(word).collect()
}

/// The first warning, which must be there.
async fn first(cache: &Cache) -> WarningKind {
    advice(cache).await.warnings.first().expect("something is warned of").kind.clone()
}
