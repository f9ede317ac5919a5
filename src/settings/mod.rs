//! What a host may set, and the checked plan that it becomes.

/// Every problem found in the settings, told at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the settings have problems")]
pub struct SettingsError {}
