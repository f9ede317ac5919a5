//! The part of `/cache-stats` that says how other budgets would do, and what to do.
//!
//! Owns: its layout. Never: judges, or has words of its own for a warning.

use std::fmt::Write as _;

use super::render::Style;
use super::text::{foreign, limit, table};
use crate::message::{AdviceSnapshot, WhatIfCurve};

/// Curves and warnings as a panel; nothing where there is nothing to say.
pub fn advice_panel(advice: &AdviceSnapshot, style: Style) -> String {
    let sections: Vec<String> =
        what_if(&advice.curves, style).into_iter().chain(warnings(advice, style)).collect();
    sections.join("\n")
}

fn name(tier: Option<&str>, style: Style) -> String {
    tier.map_or_else(|| "all tiers".to_owned(), |tier| foreign(tier, style))
}

/// The known curves, a row each; of a single tier not the same once more as that of all.
fn what_if(curves: &[WhatIfCurve], style: Style) -> Option<String> {
    let known: Vec<&WhatIfCurve> = curves.iter().filter(|curve| !curve.points.is_empty()).collect();
    let widest = known.iter().max_by_key(|curve| curve.points.len())?;
    let times = |curve: &WhatIfCurve, bytes: u64| match (bytes * 4).checked_div(curve.now_bytes) {
        Some(4) => "Now".to_owned(),
        Some(quarters) => format!("x {}", quarters as f64 / 4.0),
        None => "-".to_owned(),
    };
    let mut head = vec!["Tier".to_owned(), "May Use".to_owned()];
    head.extend(widest.points.iter().map(|point| times(widest, point.budget_bytes)));
    let mut rows = vec![head];
    for curve in known.iter().filter(|curve| curve.tier.is_none() || curves.len() > 2) {
        let mut row = vec![name(curve.tier.as_deref(), style), limit(curve.now_bytes)];
        row.extend(curve.points.iter().map(|point| format!("{:.1}%", point.hit_percent)));
        row.resize(rows[0].len(), "-".to_owned());
        rows.push(row);
    }
    let off_by = known.iter().filter_map(|curve| curve.off_by).fold(0.0, f64::max);
    let mut text = style.heading("🔮", "What If: Hit Rate With Another Budget") + &table(&rows, "  ");
    let _ = writeln!(
        text,
        "  Guessed from a sample of the reads, which misses what is known by {off_by:.1} points at most"
    );
    Some(text)
}

fn warnings(advice: &AdviceSnapshot, style: Style) -> Option<String> {
    let mut text = style.heading("💡", "Advice");
    for warning in &advice.warnings {
        let what = foreign_sentence(&warning.what(), style);
        let _ = writeln!(text, "  {}: {what}", name(warning.tier.as_deref(), style));
        let _ = writeln!(text, "    {}", foreign_sentence(&warning.remedy(), style));
    }
    (!advice.warnings.is_empty()).then_some(text)
}

/// A sentence of ours that may have a name of the host's in it, word by word, for a long one is cut.
fn foreign_sentence(sentence: &str, style: Style) -> String {
    let words: Vec<String> = sentence.split(' ').map(|word| foreign(word, style)).collect();
    words.join(" ")
}
