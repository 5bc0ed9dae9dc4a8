// SPDX-License-Identifier: MIT OR Apache-2.0
//! Neighbour discovery (RFC 4861 §4, RFC 6775 §4, RFC 8505 §4): message bodies, as
//! [`Icmpv6::body`](super::icmpv6::Icmpv6) holds them, and the options behind them.
#![forbid(unsafe_code)]

mod duplicate;
mod options;

pub use duplicate::DuplicateAddress;
pub(in crate::ipv6) use options::option;
pub use options::{
    Authoritative, Context, Medium, NdOption, Options, PrefixInformation, Registration, RegistrationStatus,
    capability, link_layer_address, put_link_layer_address,
};

use crate::address::Ip;
use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// The hop limit that every message of neighbour discovery on the link must arrive with.
pub const HOP_LIMIT: u8 = 255;

/// The fixed part of a Router Solicitation is 4 reserved bytes.
pub const ROUTER_SOLICITATION_LEN: usize = 4;

/// The fixed part of a Router Advertisement (RFC 4861 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouterAdvertisement {
    /// The hop limit that hosts should use, 0 when unspecified.
    pub hop_limit: u8,
    /// The flags, see the constants.
    pub flags: u8,
    /// For how many seconds the sender is a default router.
    pub router_lifetime: u16,
    /// For how many milliseconds a neighbour counts as reachable, 0 when unspecified.
    pub reachable_time: u32,
    /// Milliseconds between Neighbor Solicitations, 0 when unspecified.
    pub retrans_timer: u32,
}

impl RouterAdvertisement {
    /// The length of the fixed part in bytes.
    pub const LEN: usize = 12;
    /// Addresses come by DHCPv6.
    pub const MANAGED: u8 = 0x80;
    /// Other configuration comes by DHCPv6.
    pub const OTHER: u8 = 0x40;

    /// Reads the fixed part and hands out the options.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &[u8]) -> Result<(RouterAdvertisement, Options<'_>)> {
        let mut reader = Reader::new(body);
        let advertisement = RouterAdvertisement {
            hop_limit: reader.u8()?,
            flags: reader.u8()?,
            router_lifetime: reader.u16()?,
            reachable_time: reader.u32()?,
            retrans_timer: reader.u32()?,
        };
        Ok((advertisement, Options::new(reader.rest())))
    }

    /// Writes the fixed part.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge) when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let [hop_limit, flags, high, low, a, b, c, d, e, f, g, h] = out.reserve_chunk()?;
        [*hop_limit, *flags] = [self.hop_limit, self.flags];
        [*high, *low] = self.router_lifetime.to_be_bytes();
        [*a, *b, *c, *d] = self.reachable_time.to_be_bytes();
        [*e, *f, *g, *h] = self.retrans_timer.to_be_bytes();
        Ok(())
    }

    /// How many bytes the fixed part takes.
    pub const fn encoded_len(&self) -> usize {
        RouterAdvertisement::LEN
    }
}

/// The fixed part of a Neighbor Solicitation or Advertisement (RFC 4861 §4.3, §4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbor {
    /// The flags of an advertisement, see the constants; 0 in a solicitation.
    pub flags: u8,
    /// The address that this is about.
    pub target: Ip,
}

impl Neighbor {
    /// The length of the fixed part in bytes.
    pub const LEN: usize = 20;
    /// The sender is a router.
    pub const ROUTER: u8 = 0x80;
    /// The advertisement answers a solicitation.
    pub const SOLICITED: u8 = 0x40;
    /// The link-layer address replaces the one in the cache.
    pub const OVERRIDE: u8 = 0x20;

    /// Reads the fixed part and hands out the options.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &[u8]) -> Result<(Neighbor, Options<'_>)> {
        let (fixed, options) = body.split_first_chunk::<{ Neighbor::LEN }>().ok_or(Error::Malformed)?;
        let [flags, _, _, _, target @ ..] = *fixed;
        Ok((Neighbor { flags, target: Ip(target) }, Options::new(options)))
    }

    /// Writes the fixed part.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge) when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.put(&[self.flags, 0, 0, 0])?;
        out.put(&self.target.0)
    }

    /// How many bytes the fixed part takes.
    pub const fn encoded_len(&self) -> usize {
        Neighbor::LEN
    }
}

/// The fixed part of a Redirect (RFC 4861 §4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// The better first hop; the destination itself when that is a neighbour.
    pub target: Ip,
    /// The destination that is redirected.
    pub destination: Ip,
}

impl Redirect {
    /// The length of the fixed part in bytes.
    pub const LEN: usize = 36;

    /// Reads the fixed part and hands out the options.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed) when it is cut short.
    pub fn parse(body: &[u8]) -> Result<(Redirect, Options<'_>)> {
        let mut reader = Reader::new(body);
        reader.u32()?;
        let redirect = Redirect { target: Ip(reader.array()?), destination: Ip(reader.array()?) };
        Ok((redirect, Options::new(reader.rest())))
    }

    /// Writes the fixed part.
    ///
    /// # Errors
    /// [`TooLarge`](crate::status::Error::TooLarge) when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        out.u32(0)?;
        out.put(&self.target.0)?;
        out.put(&self.destination.0)
    }

    /// How many bytes the fixed part takes.
    pub const fn encoded_len(&self) -> usize {
        Redirect::LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bodies_round_trip(mut body in proptest::collection::vec(any::<u8>(), 36..60)) {
            let mut buffer = [0; 64];
            let (advertisement, _) = RouterAdvertisement::parse(&body).unwrap();
            let mut out = Writer::new(&mut buffer);
            advertisement.emit(&mut out).unwrap();
            prop_assert_eq!(out.written(), &body[..advertisement.encoded_len()]);

            body[1..4].fill(0);
            let (neighbor, _) = Neighbor::parse(&body).unwrap();
            let mut out = Writer::new(&mut buffer);
            neighbor.emit(&mut out).unwrap();
            prop_assert_eq!(out.written(), &body[..neighbor.encoded_len()]);

            body[0] = 0;
            let (redirect, _) = Redirect::parse(&body).unwrap();
            let mut out = Writer::new(&mut buffer);
            redirect.emit(&mut out).unwrap();
            prop_assert_eq!(out.written(), &body[..redirect.encoded_len()]);
        }

        #[test]
        fn short_bodies_are_refused(body in proptest::collection::vec(any::<u8>(), 0..12)) {
            prop_assert!(RouterAdvertisement::parse(&body).is_err());
            prop_assert!(Neighbor::parse(&body).is_err() && Redirect::parse(&body).is_err());
        }
    }
}
