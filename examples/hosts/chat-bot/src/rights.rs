//! Who may do what.
//!
//! Owns: roles, and what each command needs. Never: carries a command out.

use apex_cache::admin::Command;

/// Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Asks for prices.
    Guest,
    /// Sees figures, and counts what a clear would take.
    Staff,
    /// Changes prices, warms, puts tiers back.
    Keeper,
    /// Takes entries away.
    Owner,
}

/// A real bot asks its database, through the cache.
pub(crate) fn role_of(who: &str) -> Role {
    match who {
        "olga" => Role::Owner,
        "ken" => Role::Keeper,
        "ann" | "sam" => Role::Staff,
        _ => Role::Guest,
    }
}

pub(crate) fn needed_for(command: &Command) -> Role {
    if command.is_destructive() {
        return Role::Owner;
    }
    match command {
        Command::Help => Role::Guest,
        Command::Stats { .. } | Command::Info | Command::ClearUsage | Command::Clear { .. } => Role::Staff,
        Command::Warm(_) | Command::Revive(_) => Role::Keeper,
        // A command of a later version: until somebody has thought about it, it is for the owner.
        _ => Role::Owner,
    }
}
