//! Templates over what a function returns.
#![allow(unused)]
use apex_cache::{Cache, cache_invalidate, cached};

struct Issue {
    id: u64,
}

#[derive(serde::Serialize)]
struct Part;

#[cache_invalidate(after = ["{ret.id}::*"])]
async fn no_literal(cache: &Cache) -> Issue {
    Issue { id: 1 }
}

#[cache_invalidate(after = ["issue*::{ret.id}"])]
async fn wildcard(cache: &Cache) -> Issue {
    Issue { id: 1 }
}

#[cache_invalidate(after = ["issue-{ret.id}::*"])]
async fn half_literal(cache: &Cache) -> Issue {
    Issue { id: 1 }
}

#[cache_invalidate(after = ["issue"])]
async fn one_segment(cache: &Cache) -> Issue {
    Issue { id: 1 }
}

#[cache_invalidate(after = "issue::{ret.id}")]
async fn no_list(cache: &Cache) -> Issue {
    Issue { id: 1 }
}

#[cache_invalidate("issue::{ret.id}")]
async fn before(cache: &Cache) -> Issue {
    Issue { id: 1 }
}

#[cache_invalidate(after = ["issue::{ret.number}"])]
async fn no_field(cache: &Cache) -> Result<Issue, String> {
    Ok(Issue { id: 1 })
}

#[cache_invalidate(after = ["issue::{ret.id}::{part}"])]
async fn not_shown(cache: &Cache, part: Part) -> Issue {
    Issue { id: 1 }
}

#[cache_invalidate("issue::1", tags = |issue| [issue.id.to_string()])]
async fn tags(cache: &Cache) -> Issue {
    Issue { id: 1 }
}

fn main() {}
