//! The network from which root's key lets in, whatever happens: as a person names it, and as our own file has it.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use crate::pam::gate::OURS;
use crate::pam::sshd::{Config, Match};

/// What `--break-glass-from` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyFrom {
    /// From nowhere: that way in goes, where there is one.
    Nowhere,
    /// From that network, as sshd has it after `Address`.
    Network(String),
}

impl FromStr for KeyFrom {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self::Nowhere) } else { network(text).map(Self::Network) }
    }
}

/// An address, or one with a prefix length; not everything there is.
fn network(text: &str) -> Result<String, &'static str> {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| "an address, a network as 192.0.2.0/24, or none")?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let is_network = |length: &str| length.parse::<u8>().is_ok_and(|length| (1..=most).contains(&length));
    if length.is_none_or(is_network) { Ok(text.to_owned()) } else { Err("a network as 192.0.2.0/24") }
}

/// Whom its block is for, but for the network.
pub(crate) const WHOM: &str = "User root Address ";
/// What it says of root; a copy of somebody else's block says nothing but `AuthenticationMethods`.
pub(crate) const ROOT: &str = "PermitRootLogin";

/// Its block in our own file, where there is one.
pub(crate) fn block() -> Result<Option<Match>, String> {
    let ours = Path::new(OURS);
    if !ours.exists() {
        return Ok(None);
    }
    Ok(block_of(Config::read(ours, None)?))
}

fn block_of(config: Config) -> Option<Match> {
    let Config { settings, blocks, .. } = config;
    let of_root = |number| {
        let here = settings.iter().filter(move |setting| setting.block == Some(number));
        here.into_iter().any(|setting| setting.keyword.eq_ignore_ascii_case(ROOT))
    };
    let is_it = |number: usize, block: &Match| block.written.starts_with(WHOM) && of_root(number);
    blocks.into_iter().enumerate().find(|(number, block)| is_it(*number, block)).map(|(_, block)| block)
}

/// The network that our own file names. Where somebody has made more of it than one network, that is an error: it is
/// not written again without being said again.
pub(crate) fn kept() -> Result<Option<String>, String> {
    let Some(block) = block()? else { return Ok(None) };
    let named = block.written.strip_prefix(WHOM).unwrap_or_default();
    network(named).map(Some).map_err(|_| {
        format!(
            "{}: Match {} is not for one network; name one by --break-glass-from NETWORK, or none",
            block.place, block.written
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_network_or_none() {
        let of = |text: &str| text.parse::<KeyFrom>().ok();
        for text in ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "2001:db8::1"] {
            assert_eq!(of(text), Some(KeyFrom::Network(text.into())), "{text}");
        }
        assert_eq!(of("none"), Some(KeyFrom::Nowhere));
        for text in ["", "*", "office", "0.0.0.0/0", "192.0.2.0/33", "192.0.2.0/24,10.0.0.0/8", "!192.0.2.1"]
        {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_copy_of_somebody_elses_block_for_root_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("00-mfad.conf");
        let copy = "Match User root Address 10.0.0.0/8\n AuthenticationMethods publickey\n";
        let ours = "Match User root Address 192.0.2.0/24\n AuthenticationMethods publickey\n PermitRootLogin prohibit-password\n";
        let found = |text: &str| {
            std::fs::write(&file, text).unwrap();
            block_of(Config::read(&file, None).unwrap()).map(|block| block.written)
        };
        assert_eq!(found(copy), None);
        assert_eq!(found(&format!("{copy}{ours}")).as_deref(), Some("User root Address 192.0.2.0/24"));
    }
}
