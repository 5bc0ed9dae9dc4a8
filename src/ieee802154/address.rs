// SPDX-License-Identifier: MIT OR Apache-2.0
//! Link-layer addresses of IEEE 802.15.4.
#![forbid(unsafe_code)]

/// Names a node on the link: by its short address, its EUI-64, or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkAddress {
    /// No address is given.
    #[default]
    None,
    /// A 16-bit short address, valid within one PAN. `0xffff` is everyone, `0xfffe` stands for
    /// "none assigned".
    Short(u16),
    /// An EUI-64, most significant byte first, as it is written and printed.
    Extended([u8; 8]),
}

impl LinkAddress {
    /// Everyone in the PAN.
    pub const BROADCAST: LinkAddress = LinkAddress::Short(0xffff);

    /// Whether this names everyone.
    pub const fn is_broadcast(self) -> bool {
        matches!(self, LinkAddress::Short(0xffff))
    }

    /// Whether this names exactly one node.
    pub const fn is_unicast(self) -> bool {
        !matches!(self, LinkAddress::None | LinkAddress::Short(0xfffe | 0xffff))
    }

    /// How many bytes the address has: 0, 2 or 8.
    pub const fn len(self) -> usize {
        match self {
            LinkAddress::None => 0,
            LinkAddress::Short(_) => 2,
            LinkAddress::Extended(_) => 8,
        }
    }

    /// Whether there is no address.
    pub const fn is_empty(self) -> bool {
        matches!(self, LinkAddress::None)
    }

    /// The IPv6 interface identifier made from this address: `0000:00ff:fe00:XXXX` for a short
    /// address (RFC 6282 §3.2.2), the EUI-64 with its universal/local bit inverted (RFC 4944 §6).
    /// All zero when there is no address.
    pub const fn interface_identifier(self) -> [u8; 8] {
        match self {
            LinkAddress::None => [0; 8],
            LinkAddress::Short(short) => {
                let [high, low] = short.to_be_bytes();
                [0, 0, 0, 0xff, 0xfe, 0, high, low]
            }
            LinkAddress::Extended([first, b, c, d, e, f, g, h]) => [first ^ 2, b, c, d, e, f, g, h],
        }
    }

    /// The link-layer address that an interface identifier was made from, when it has one of the
    /// two forms of [`LinkAddress::interface_identifier`]. An identifier chosen in another way
    /// is indistinguishable from one made from an EUI-64.
    pub const fn from_interface_identifier(identifier: [u8; 8]) -> LinkAddress {
        match identifier {
            [0, 0, 0, 0xff, 0xfe, 0, high, low] => LinkAddress::Short(u16::from_be_bytes([high, low])),
            [first, b, c, d, e, f, g, h] => LinkAddress::Extended([first ^ 2, b, c, d, e, f, g, h]),
        }
    }
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
            assert_eq!(LinkAddress::from_interface_identifier(address.interface_identifier()), address);
            assert!(address.is_unicast() && !address.is_empty());
        }
        assert!(LinkAddress::BROADCAST.is_broadcast() && !LinkAddress::BROADCAST.is_unicast());
        assert!(!LinkAddress::Short(0xfffe).is_unicast());
        assert_eq!(LinkAddress::None.interface_identifier(), [0; 8]);
        assert_eq!(LinkAddress::default().len(), 0);
    }
}
