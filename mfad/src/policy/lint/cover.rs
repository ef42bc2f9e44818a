//! Whether what holds of a login by some conditions holds by others too. Errs towards No.

use super::super::{Conditions, Network, Pattern, Prefix, Times};

impl Conditions {
    /// Whether `wide` holds of every login of which these hold, and what is unknown to `wide` is unknown to these.
    pub(super) fn imply(&self, wide: &Self, networks: &[Network]) -> bool {
        within(&self.service, &wide.service)
            && within(&self.user, &wide.user)
            && within(&self.target, &wide.target)
            && within(&self.group, &wide.group)
            && within(&self.tty, &wide.tty)
            && within(&self.key, &wide.key)
            && within(&self.asn, &wide.asn)
            && within(&self.country, &wide.country)
            && (wide.device.is_none() || self.device == wide.device)
            && (wide.location.is_none() || self.location == wide.location)
            && (self.impossible_travel || !wide.impossible_travel)
            && every(&self.command, &wide.command, Pattern::is_within)
            && self.imply_addresses(wide, networks)
            && (wide.time.is_empty() || !self.time.is_empty() && Times::are_within(&self.time, &wide.time))
    }

    fn imply_addresses(&self, wide: &Self, networks: &[Network]) -> bool {
        let wide_network: Vec<Prefix> = prefixes(&wide.network, networks).collect();
        let network: Vec<Prefix> = prefixes(&self.network, networks).collect();
        [&wide.address, &wide_network].into_iter().all(|wide| {
            wide.is_empty()
                || [&self.address, &network]
                    .into_iter()
                    .any(|narrow| !narrow.is_empty() && every(narrow, wide, |a, b| a.is_within(*b)))
        })
    }
}

/// Whether no login can have what they say of its address.
pub(super) fn is_never(conditions: &Conditions, networks: &[Network]) -> bool {
    let mut named = prefixes(&conditions.network, networks);
    let meets = |network: Prefix| conditions.address.iter().any(|address| address.overlaps(network));
    !conditions.address.is_empty() && !conditions.network.is_empty() && !named.any(meets)
}

fn prefixes(named: &[usize], networks: &[Network]) -> impl Iterator<Item = Prefix> {
    named.iter().flat_map(|at| networks[*at].prefixes.iter().copied())
}

/// Whether all of `narrow` are among `wide`, where no entry is no condition.
fn within<E: PartialEq>(narrow: &[E], wide: &[E]) -> bool {
    every(narrow, wide, |a, b| a == b)
}

fn every<E>(narrow: &[E], wide: &[E], is: impl Fn(&E, &E) -> bool) -> bool {
    wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|a| wide.iter().any(|b| is(a, b)))
}
