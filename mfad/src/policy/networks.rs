//! Address prefixes, and the networks that the settings name.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// A network: the addresses that begin with the same bits. IPv4 is kept in IPv6's clothes
/// (RFC 4291, section 2.5.5.2), so one comparison serves both; a wider network of IPv6 has none of IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    bits: u128,
    length: u32,
}

/// Where IPv4 lies in IPv6.
const V4: u32 = 96;

/// Whether they are those of an IPv4 address.
fn are_v4(bits: u128) -> bool {
    bits >> 32 == 0xffff
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Prefix {
    fn mask(self) -> u128 {
        u128::MAX.checked_shl(128 - self.length).unwrap_or(0)
    }

    /// Whether that address is in it. An IPv4 address and the same one mapped into IPv6 are one.
    pub fn contains(self, address: IpAddr) -> bool {
        let bits = bits(address);
        bits & self.mask() == self.bits && (self.length >= V4 || !are_v4(bits))
    }

    /// Whether all its addresses are in the other.
    pub fn is_within(self, other: Self) -> bool {
        self.length >= other.length && self.overlaps(other)
    }

    /// Whether some address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        let mask = self.mask() & other.mask();
        let is_v4 = |prefix: Self| prefix.length >= V4 && are_v4(prefix.bits);
        self.bits & mask == other.bits & mask && is_v4(self) == is_v4(other)
    }
}

impl FromStr for Prefix {
    type Err = String;

    /// `192.0.2.0/24`, `2001:db8::/32`, or one address. Bits beyond the length are an error: they show
    /// that something else was meant.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || format!("{text:?} is no network: write \"192.0.2.0/24\", \"2001:db8::/32\" or an address");
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let (before, most) = if address.is_ipv4() { (V4, 32) } else { (0, 128) };
        let length = match length {
            None => most,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok().filter(|length| *length <= most).ok_or_else(bad)?
            }
            Some(_) => return Err(bad()),
        };
        let prefix = Self { bits: bits(address), length: before + length };
        if prefix.bits & !prefix.mask() != 0 {
            return Err(format!("{text:?} has bits beyond its length: write {}", prefix.first()));
        }
        Ok(prefix)
    }
}

impl Prefix {
    /// The same without the bits beyond its length.
    fn first(self) -> Self {
        Self { bits: self.bits & self.mask(), ..self }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = std::net::Ipv6Addr::from_bits(self.bits);
        match v6.to_ipv4_mapped() {
            Some(v4) if self.length >= V4 => write!(f, "{v4}/{}", self.length - V4),
            _ => write!(f, "{v6}/{}", self.length),
        }
    }
}

/// A network that the settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// As the rules call it.
    pub name: String,
    /// What belongs to it.
    pub prefixes: Vec<Prefix>,
    /// File and line.
    pub defined_at: String,
}

impl Network {
    /// Whether that address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.prefixes.iter().any(|prefix| prefix.contains(address))
    }

    /// How much of that address it names: the length of its longest prefix that has it; `None`: none has.
    fn closeness(&self, address: IpAddr) -> Option<u32> {
        let of_it = self.prefixes.iter().filter(|prefix| prefix.contains(address));
        of_it.map(|prefix| prefix.length).max()
    }

    /// The one of `networks` that names that address most closely; of several the first.
    pub fn closest(networks: &[Self], address: IpAddr) -> Option<&Self> {
        let of_it = networks.iter().filter_map(|network| Some((network.closeness(address)?, network)));
        of_it.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, network)| network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_in_the_networks_that_share_its_bits() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "2001:db8::1", "192.0.2.7"),
            ("::/0", "::1", "::ffff:192.0.2.7"),
            ("::ffff:0:0/96", "192.0.2.7", "::1"),
            ("192.0.2.0/25", "::ffff:192.0.2.127", "::ffff:192.0.2.128"),
        ] {
            assert!(prefix(network).contains(inside.parse().unwrap()), "{network} {inside}");
            if let Ok(outside) = outside.parse() {
                assert!(!prefix(network).contains(outside), "{network} {outside}");
            }
            assert_eq!(prefix(&prefix(network).to_string()), prefix(network));
        }
    }

    #[test]
    fn what_is_no_network_is_an_error_and_never_a_wider_one() {
        for bad in [
            "",
            "office",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/-1",
            "192.0.2.0/+8",
            "192.0.2",
            "192.0.2.1/24",
            "::1/64",
            "2001:db8::/129",
            "192.0.2.0/24 ",
            "192.0.2.0/8/8",
        ] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
        assert!("192.0.2.1/24".parse::<Prefix>().unwrap_err().contains("192.0.2.0/24"));
    }

    #[test]
    fn networks_overlap_where_one_holds_the_other() {
        assert!(prefix("192.0.2.128/25").is_within(prefix("192.0.2.0/24")));
        assert!(prefix("192.0.2.0/24").is_within(prefix("192.0.2.0/24")));
        assert!(!prefix("192.0.2.0/24").is_within(prefix("192.0.2.128/25")));
        assert!(!prefix("192.0.3.0/25").is_within(prefix("192.0.2.0/24")));
        assert!(prefix("192.0.2.0/24").overlaps(prefix("192.0.2.128/25")));
        assert!(!prefix("192.0.2.0/25").overlaps(prefix("192.0.2.128/25")));
        assert!(!prefix("192.0.2.0/24").overlaps(prefix("2001:db8::/32")));
        assert!(!prefix("0.0.0.0/0").overlaps(prefix("::/0")) && prefix("::1").overlaps(prefix("::/0")));
    }
}
