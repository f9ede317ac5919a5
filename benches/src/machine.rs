//! Where a measurement was made: a figure without this means nothing.
//!
//! Owns: the description. Never: fails; what cannot be found out is said to be unknown.

use std::process::Command;

/// The lock file of the workspace: what was built is what stands there.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Cores that this program may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// The command that runs `program` again in the same way.
#[must_use]
pub fn command(program: &str) -> String {
    let options: Vec<_> = std::env::args().skip(1).collect();
    let between = if options.is_empty() { "" } else { " -- " };
    format!("cargo run --release -p apex-cache-bench --bin {program}{between}{}", options.join(" "))
}

/// Cores, processor, system, compiler and profile, in one line.
#[must_use]
pub fn describe() -> String {
    let cores = cores();
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let compiler = Command::new("rustc").arg("--version").output().ok();
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let compiler = compiler.filter(|text| !text.is_empty()).unwrap_or_else(|| "rustc unknown".into());
    let profile = if cfg!(debug_assertions) { "DEBUG BUILD, the figures mean nothing" } else { "release" };
    let system = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{cores} cores of {model}, {} {}, {compiler}, {profile}", system.0, system.1)
}

/// The version of `name` in the lock file.
#[must_use]
pub fn version(name: &str) -> Option<&'static str> {
    let block = LOCK.split("[[package]]").find(|block| block.contains(&format!("name = \"{name}\"\n")))?;
    block.split("version = \"").nth(1)?.split('"').next()
}

/// `name` with its version in the lock file.
#[must_use]
pub fn versioned(name: &str) -> String {
    format!("{name} {}", version(name).unwrap_or("of unknown version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_with_the_version_that_was_built() {
        assert!(versioned("moka").starts_with("moka 0.12."));
        assert!(versioned("no-such-crate").ends_with("unknown version"));
        assert!(describe().contains("cores"));
    }
}
