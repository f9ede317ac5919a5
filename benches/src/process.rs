//! What this process costs the machine, as Linux counts it.
//!
//! Owns: reading `/proc/self`. Never: keeps anything; on another system there is nothing to read, and all is zero.

use std::fs;
use std::time::Duration;

/// Threads of this process, with their names.
fn tasks() -> impl Iterator<Item = (std::path::PathBuf, String)> {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten();
    entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        Some((path, name.trim().to_owned()))
    })
}

/// The number behind `field:` in a status file.
fn field(status: &str, field: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Threads that run now.
#[must_use]
pub fn threads() -> usize {
    tasks().count()
}

/// Time on a processor, of all threads that run now and whose name does not begin with `except`. Exact to some
/// microseconds, unlike that of the whole process, which counts in hundredths of a second.
#[must_use]
pub fn cpu(except: Option<&str>) -> Duration {
    let counted = tasks().filter(|(_, name)| except.is_none_or(|prefix| !name.starts_with(prefix)));
    let nanos = |path: std::path::PathBuf| -> u64 {
        let stat = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    };
    Duration::from_nanos(counted.map(|(path, _)| nanos(path)).sum())
}

/// Times that threads went to sleep so far, and so were woken: each is a wake-up.
#[must_use]
pub fn wakeups() -> u64 {
    let slept = |path: std::path::PathBuf| {
        field(&fs::read_to_string(path.join("status")).unwrap_or_default(), "voluntary_ctxt_switches")
    };
    tasks().map(|(path, _)| slept(path)).sum()
}

/// Bytes of memory that are in use and in the machine's memory.
#[must_use]
pub fn resident() -> u64 {
    field(&fs::read_to_string("/proc/self/status").unwrap_or_default(), "VmRSS") * 1_024
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_this_process_are_found() {
        assert!(threads() >= 1 && resident() > 100_000);
        let before = cpu(None);
        let mut sum = 0_u64;
        while cpu(None) < before + Duration::from_millis(5) {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
        assert!(cpu(None) > before && std::hint::black_box(sum) > 0);
        assert_eq!(field("Name:\tx\nVmRSS:\t  12 kB\n", "VmRSS"), 12);
        assert_eq!(field("nothing", "VmRSS"), 0);
    }
}
