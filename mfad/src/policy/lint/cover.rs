//! Whether what holds of a login by some conditions holds by others too. Errs towards No.

use super::super::{Conditions, Network, Pattern, Prefix, Times};

impl Conditions {
    /// Whether `wide` holds of every login of which these hold, and what is unknown to `wide` is unknown to these.
    pub(super) fn imply(&self, wide: &Self, networks: &[Network]) -> bool {
        // By name, every one: whoever adds a condition must think of it here.
        let Self {
            user,
            group,
            service,
            command,
            target,
            tty,
            address,
            network,
            key,
            time,
            asn,
            country,
            device,
            location,
            impossible_travel,
        } = wide;
        within(&self.service, service)
            && within(&self.user, user)
            && within(&self.target, target)
            && within(&self.group, group)
            && within(&self.tty, tty)
            && within(&self.key, key)
            && within(&self.asn, asn)
            && within(&self.country, country)
            && (device.is_none() || self.device == *device)
            && (location.is_none() || self.location == *location)
            && (self.impossible_travel || !impossible_travel)
            && every(&self.command, command, Pattern::is_within)
            && self.imply_addresses(address, &prefixes(network, networks), networks)
            && (time.is_empty() || !self.time.is_empty() && Times::are_within(&self.time, time))
    }

    /// Whether each address of these is among `address`, and in `network`: as far as they are conditions.
    fn imply_addresses(&self, address: &[Prefix], network: &[Prefix], networks: &[Network]) -> bool {
        let own = [&self.address[..], &prefixes(&self.network, networks)];
        let implies = |wide: &[Prefix]| {
            let all_within =
                |narrow: &&[Prefix]| !narrow.is_empty() && every(narrow, wide, |a, b| a.is_within(*b));
            wide.is_empty() || own.iter().any(all_within)
        };
        implies(address) && implies(network)
    }
}

/// Whether no login can have what they say of its address.
pub(super) fn is_never(conditions: &Conditions, networks: &[Network]) -> bool {
    let named = prefixes(&conditions.network, networks);
    let meets = |network: &Prefix| conditions.address.iter().any(|address| address.overlaps(*network));
    !conditions.address.is_empty() && !conditions.network.is_empty() && !named.iter().any(meets)
}

fn prefixes(named: &[usize], networks: &[Network]) -> Vec<Prefix> {
    named.iter().flat_map(|at| networks[*at].prefixes.iter().copied()).collect()
}

/// Whether all of `narrow` are among `wide`, where no entry is no condition.
fn within<E: PartialEq>(narrow: &[E], wide: &[E]) -> bool {
    every(narrow, wide, |a, b| a == b)
}

fn every<E>(narrow: &[E], wide: &[E], is: impl Fn(&E, &E) -> bool) -> bool {
    wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|a| wide.iter().any(|b| is(a, b)))
}
