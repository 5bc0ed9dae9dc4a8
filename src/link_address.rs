// SPDX-License-Identifier: MIT OR Apache-2.0
//! The addresses of a link: of IEEE 802.15.4 and of Ethernet.
#![forbid(unsafe_code)]

use crate::address::Ip;

/// Names a node on the link: by its IEEE 802.15.4 short address, its EUI-64, its Ethernet address, or not
/// at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkAddress {
    /// No address is given, or it is not known.
    #[default]
    None,
    /// A 16-bit short address, valid within one PAN. `0xffff` is everyone, `0xfffe` stands for
    /// "none assigned".
    Short(u16),
    /// An IEEE 802.15.4 extended address (EUI-64), most significant byte first, as it is written and
    /// printed.
    Extended([u8; 8]),
    /// An Ethernet address (EUI-48).
    #[cfg(feature = "ethernet")]
    Ethernet([u8; 6]),
}

/// What an interface identifier made from a short address begins with (RFC 6282 §3.2.2).
const SHORT: u64 = 0x0000_00ff_fe00_0000;

impl LinkAddress {
    /// Everyone in the PAN.
    pub const BROADCAST: LinkAddress = LinkAddress::Short(0xffff);

    /// Whether this names everyone.
    pub const fn is_broadcast(&self) -> bool {
        matches!(self, LinkAddress::Short(0xffff))
    }

    /// Whether this names exactly one node.
    #[cfg_attr(not(feature = "std"), inline(never))] // Wherever it is asked, a call takes less code.
    pub const fn is_unicast(&self) -> bool {
        !matches!(self, LinkAddress::None | LinkAddress::Short(0xfffe | 0xffff))
    }

    /// How many bytes the address has.
    pub const fn len(&self) -> usize {
        match self {
            LinkAddress::None => 0,
            LinkAddress::Short(_) => 2,
            LinkAddress::Extended(_) => 8,
            #[cfg(feature = "ethernet")]
            LinkAddress::Ethernet(_) => 6,
        }
    }

    /// Whether there is no address.
    pub const fn is_empty(&self) -> bool {
        matches!(self, LinkAddress::None)
    }

    /// Whether there is an address.
    pub const fn is_some(&self) -> bool {
        !self.is_empty()
    }

    /// The bytes of the address, in the order in which they are written, and how many count.
    pub const fn bytes(&self) -> ([u8; 8], usize) {
        let bytes = match *self {
            LinkAddress::None => [0; 8],
            LinkAddress::Short(short) => {
                let [a, b] = short.to_be_bytes();
                [a, b, 0, 0, 0, 0, 0, 0]
            }
            LinkAddress::Extended(bytes) => bytes,
            #[cfg(feature = "ethernet")]
            LinkAddress::Ethernet([a, b, c, d, e, f]) => [a, b, c, d, e, f, 0, 0],
        };
        (bytes, self.len())
    }

    /// The IPv6 interface identifier made from this address: `0000:00ff:fe00:XXXX` for a short
    /// address (RFC 4944 §6, as RFC 6282 §3.2.2 has it), RFC 4291 appendix A for the others.
    /// All zero when there is no address.
    pub const fn interface_identifier(&self) -> [u8; 8] {
        self.identifier().to_be_bytes()
    }

    /// The same as a number.
    pub(crate) const fn identifier(&self) -> u64 {
        match *self {
            LinkAddress::None => 0,
            LinkAddress::Short(short) => SHORT | short as u64,
            LinkAddress::Extended(address) => u64::from_be_bytes(address) ^ 2 << 56,
            #[cfg(feature = "ethernet")]
            LinkAddress::Ethernet([a, b, c, d, e, f]) => {
                u64::from_be_bytes([a, b, c, 0xff, 0xfe, d, e, f]) ^ 2 << 56
            }
        }
    }

    /// The address in a prefix of 64 bits made from it.
    #[inline(never)]
    pub(crate) const fn within(&self, prefix: &[u8; 8]) -> Ip {
        with_prefix(prefix, self.interface_identifier())
    }

    /// The link-local address `fe80::` plus the interface identifier.
    pub const fn link_local(&self) -> Ip {
        self.within(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0])
    }

    /// The IEEE 802.15.4 address that `address` was made from, for those made so
    /// (RFC 6775 §5.6 takes link-local addresses to be of that kind); [`LinkAddress::None`]
    /// for a multicast address.
    pub const fn from_interface_identifier(address: &Ip) -> LinkAddress {
        let [first, _, _, _, _, _, _, _, identifier @ ..] = address.0;
        if first == 0xff { LinkAddress::None } else { LinkAddress::of_identifier(identifier) }
    }

    /// The IEEE 802.15.4 address that an interface identifier was made from, when it has one of the
    /// two forms of [`LinkAddress::interface_identifier`]. An identifier chosen in another way
    /// is indistinguishable from one made from an EUI-64.
    pub const fn of_identifier(identifier: [u8; 8]) -> LinkAddress {
        let number = u64::from_be_bytes(identifier);
        if number >> 16 == SHORT >> 16 {
            LinkAddress::Short(number as u16)
        } else {
            LinkAddress::Extended((number ^ 2 << 56).to_be_bytes())
        }
    }
}

/// The address of a 64-bit prefix and an interface identifier.
#[inline(never)]
pub const fn with_prefix(prefix: &[u8; 8], identifier: [u8; 8]) -> Ip {
    let (high, low) = (u64::from_be_bytes(*prefix), u64::from_be_bytes(identifier));
    Ip(((high as u128) << 64 | low as u128).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_identifiers_map_both_ways() {
        let extended = LinkAddress::Extended([0x02, 0x12, 0x4b, 0, 0, 0, 0, 0x01]);
        assert_eq!(extended.interface_identifier(), [0, 0x12, 0x4b, 0, 0, 0, 0, 1]);
        let short = LinkAddress::Short(0x1234);
        assert_eq!(short.interface_identifier(), [0, 0, 0, 0xff, 0xfe, 0, 0x12, 0x34]);
        for address in [extended, short] {
            assert_eq!(LinkAddress::of_identifier(address.interface_identifier()), address);
            assert!(address.is_unicast() && !address.is_empty());
        }
        assert!(LinkAddress::BROADCAST.is_broadcast() && !LinkAddress::BROADCAST.is_unicast());
        assert!(!LinkAddress::Short(0xfffe).is_unicast());
        assert_eq!(LinkAddress::None.interface_identifier(), [0; 8]);
        assert_eq!(LinkAddress::default().len(), 0);
    }
}
