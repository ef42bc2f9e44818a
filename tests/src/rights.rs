//! What no machine may be able to do.
//!
//! Namespaces do not hold the clock, the reboot, modules or raw I/O: `date -s` inside one sets the clock of
//! the whole host. So whatever starts machines runs without those capabilities in its bounding set, which
//! nothing that it starts, setuid programs included, can get back.

use std::fs;

/// The capabilities that must be gone, with their bit in `CapBnd`.
const FORBIDDEN: [(&str, u32); 4] =
    [("sys_module", 16), ("sys_rawio", 17), ("sys_boot", 22), ("sys_time", 25)];

/// How to start a program that starts machines.
pub const HOW_TO_START: &str = "start it by tests/run, or as root under\n  \
     setpriv --bounding-set=-sys_time,-sys_boot,-sys_module,-sys_rawio --inh-caps=-all";

/// Which forbidden capabilities the bounding set of a `/proc/PID/status` still has.
pub fn excess(status: &str) -> Vec<&'static str> {
    let bounding = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(u64::MAX);
    FORBIDDEN.iter().filter(|(_, bit)| bounding >> bit & 1 == 1).map(|(name, _)| *name).collect()
}

/// Panics, with the words how to start it, where this process holds too many rights or too few.
pub fn assert_reduced() {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is readable");
    let excess = excess(&status);
    assert!(excess.is_empty(), "this process could harm the host by {excess:?}: {HOW_TO_START}");
    let root =
        status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    assert!(root, "machines need root: {HOW_TO_START}");
}

#[cfg(test)]
mod tests {
    use super::excess;

    #[test]
    fn a_full_bounding_set_has_all_four_too_many() {
        assert_eq!(excess("CapBnd:\t000001ffffffffff\n").len(), 4);
    }

    #[test]
    fn one_bit_too_many_is_named() {
        assert_eq!(excess("CapBnd:\t0000000002000000\n"), ["sys_time"]);
    }

    #[test]
    fn a_status_without_the_line_counts_as_full() {
        assert_eq!(excess("Name:\tx\n").len(), 4);
    }
}
