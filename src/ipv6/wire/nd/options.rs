// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options of neighbour discovery (RFC 4861 §4.6, RFC 6775 §4, RFC 7400 §3.3, RFC 8505 §4).
#![forbid(unsafe_code)]

use crate::address::Ip;
use crate::bytes::{Writer, copy};
use crate::ipv6::link::LinkAddress;
use crate::status::{Error, Result};

/// Types of options.
pub(in crate::ipv6) mod option {
    pub(in crate::ipv6) const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
    pub(in crate::ipv6) const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
    pub(in crate::ipv6) const PREFIX_INFORMATION: u8 = 3;
    pub(in crate::ipv6) const REDIRECTED_HEADER: u8 = 4;
    pub(in crate::ipv6) const MTU: u8 = 5;
    pub(in crate::ipv6) const ADDRESS_REGISTRATION: u8 = 33;
    pub(in crate::ipv6) const CONTEXT: u8 = 34;
    pub(in crate::ipv6) const AUTHORITATIVE_BORDER_ROUTER: u8 = 35;
    pub(in crate::ipv6) const CAPABILITY_INDICATION: u8 = 36;
}

/// Flags of the 6LoWPAN Capability Indication Option (RFC 7400 §3.3, RFC 8505 §4.3).
pub mod capability {
    use crate::bytes::Writer;
    use crate::status::Result;

    /// Generic header compression is understood.
    pub const GHC: u16 = 0x01;
    /// The extended address registration option is understood.
    pub const EARO: u16 = 0x02;
    /// A routing registrar.
    pub const REGISTRAR: u16 = 0x04;
    /// A 6LBR.
    pub const BORDER_ROUTER: u16 = 0x08;
    /// A 6LR.
    pub const ROUTER: u16 = 0x10;
    /// The 6LBR understands extended duplicate address messages.
    pub const EXTENDED_DUPLICATE: u16 = 0x20;

    /// Reads what stands behind type and length; `None` for what means nothing. More than is known
    /// may follow (RFC 7400 §3.4).
    pub(in crate::ipv6) fn parse(body: &[u8]) -> Option<u16> {
        let &[high, low, _, _, _, _, ..] = body else { return None };
        Some(u16::from_be_bytes([high, low]))
    }

    /// Writes the option.
    pub(in crate::ipv6) fn put(flags: u16, out: &mut Writer<'_>) -> Result<()> {
        let [high, low] = flags.to_be_bytes();
        out.put(&[super::option::CAPABILITY_INDICATION, 1, high, low, 0, 0, 0, 0])
    }
}

/// What kind of link the addresses of an option belong to: an option of 8 bytes holds a short
/// address on one and an Ethernet address on the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// IEEE 802.15.4 (RFC 4944 §8).
    #[default]
    Ieee802154,
    /// Ethernet (RFC 2464 §6).
    Ethernet,
}

/// Prefix Information (RFC 4861 §4.6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixInformation {
    /// How many bits of the prefix count, 0 to 128.
    pub prefix_len: u8,
    /// The flags, see the constants.
    pub flags: u8,
    /// For how many seconds the prefix is valid; all ones means for ever.
    pub valid_lifetime: u32,
    /// For how many seconds addresses of the prefix are preferred.
    pub preferred_lifetime: u32,
    /// The prefix.
    pub prefix: Ip,
}

impl PrefixInformation {
    /// The prefix is on the link.
    pub const ON_LINK: u8 = 0x80;
    /// Addresses may be made from the prefix (RFC 4862).
    pub const AUTONOMOUS: u8 = 0x40;
    /// The prefix holds the whole address of the router (RFC 6275 §7.2, RFC 6550 §6.7.10).
    pub const ROUTER_ADDRESS: u8 = 0x20;

    /// Reads what stands behind type and length; `None` for what means nothing.
    pub(in crate::ipv6) fn parse(body: &[u8]) -> Option<PrefixInformation> {
        let body: &[u8; 30] = body.try_into().ok()?;
        let [prefix_len, flags, a, b, c, d, e, f, g, h, _, _, _, _, prefix @ ..] = *body;
        // A length over 128 has cost other stacks their memory: such an option means nothing.
        (prefix_len <= 128).then_some(PrefixInformation {
            prefix_len,
            flags,
            valid_lifetime: u32::from_be_bytes([a, b, c, d]),
            preferred_lifetime: u32::from_be_bytes([e, f, g, h]),
            prefix: Ip(prefix),
        })
    }

    /// Writes the option, of lifetimes valid and preferred.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub(in crate::ipv6) fn put(
        prefix_len: u8,
        flags: u8,
        [valid, preferred]: [u32; 2],
        prefix: &Ip,
        out: &mut Writer<'_>,
    ) -> Result<()> {
        let [kind, units, length, bits, a, b, c, d, e, f, g, h, _, _, _, _, rest @ ..] =
            out.reserve_chunk::<32>()?;
        [*kind, *units, *length, *bits] = [option::PREFIX_INFORMATION, 4, prefix_len, flags];
        [*a, *b, *c, *d] = valid.to_be_bytes();
        [*e, *f, *g, *h] = preferred.to_be_bytes();
        *rest = prefix.0;
        Ok(())
    }
}

/// The 6LoWPAN Context Option (RFC 6775 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// How many bits of the prefix count, 0 to 128.
    pub prefix_len: u8,
    /// Whether the context may be used to compress.
    pub compress: bool,
    /// The context identifier, 0 to 15.
    pub id: u8,
    /// For how many minutes the context is valid; 0 removes it.
    pub valid_lifetime: u16,
    /// The prefix.
    pub prefix: Ip,
}

impl Context {
    /// Reads what stands behind type and length; `None` for what means nothing.
    pub(in crate::ipv6) fn parse(body: &[u8]) -> Option<Context> {
        let (&[prefix_len, flags, _, _, high, low], bytes) = body.split_first_chunk()?;
        if !matches!(bytes.len(), 8 | 16) || usize::from(prefix_len) > 8 * bytes.len() {
            return None;
        }
        let mut prefix = Ip::UNSPECIFIED;
        copy(&mut prefix.0, bytes);
        let valid_lifetime = u16::from_be_bytes([high, low]);
        Some(Context { prefix_len, compress: flags & 0x10 != 0, id: flags & 0xf, valid_lifetime, prefix })
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub(in crate::ipv6) fn put(
        prefix_len: u8,
        flags: u8,
        valid_lifetime: u16,
        prefix: &Ip,
        out: &mut Writer<'_>,
    ) -> Result<()> {
        let units = Context::units(prefix_len);
        let [high, low] = valid_lifetime.to_be_bytes();
        out.put(&[option::CONTEXT, units, prefix_len, flags, 0, 0, high, low])?;
        out.put(prefix.0.get(..8 * usize::from(units) - 8).unwrap_or_default())
    }

    const fn units(prefix_len: u8) -> u8 {
        if prefix_len > 64 { 3 } else { 2 }
    }
}

/// The Authoritative Border Router Option (RFC 6775 §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Authoritative {
    /// The version of the border router's information.
    pub version: u32,
    /// For how many minutes it is valid; 0 stands for 10,000.
    pub valid_lifetime: u16,
    /// The border router.
    pub border_router: Ip,
}

impl Authoritative {
    /// Reads what stands behind type and length; `None` for what means nothing.
    pub(in crate::ipv6) fn parse(body: &[u8]) -> Option<Authoritative> {
        let body: &[u8; 22] = body.try_into().ok()?;
        let [c, d, a, b, high, low, border_router @ ..] = *body;
        Some(Authoritative {
            version: u32::from_be_bytes([a, b, c, d]),
            valid_lifetime: u16::from_be_bytes([high, low]),
            border_router: Ip(border_router),
        })
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub(in crate::ipv6) fn put(
        version: u32,
        valid_lifetime: u16,
        border_router: &Ip,
        out: &mut Writer<'_>,
    ) -> Result<()> {
        let [kind, units, c, d, a, b, high, low, rest @ ..] = out.reserve_chunk::<24>()?;
        [*kind, *units] = [option::AUTHORITATIVE_BORDER_ROUTER, 3];
        // The less significant half of the version comes first.
        [*a, *b, *c, *d] = version.to_be_bytes();
        [*high, *low] = valid_lifetime.to_be_bytes();
        *rest = border_router.0;
        Ok(())
    }
}

/// Outcomes of a registration (RFC 6775 §4.1, RFC 8505 table 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RegistrationStatus {
    /// It succeeded.
    Success = 0,
    /// Somebody else has the address.
    Duplicate = 1,
    /// The router has no room.
    NeighborCacheFull = 2,
    /// A more recent registration exists.
    Moved = 3,
    /// The registration was removed.
    Removed = 4,
    /// The border router has no room.
    RegistrySaturated = 9,
}

/// The Address Registration Option (RFC 6775 §4.1) in its extended form (RFC 8505 §4.1), of
/// which the plain form is the case without transaction ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration<'p> {
    /// The outcome; 0 in a solicitation.
    pub status: u8,
    /// Handed on to the routing protocol.
    pub opaque: u8,
    /// Whether the registering node asks to be made reachable.
    pub reachability: bool,
    /// The transaction ID, if the option carries one.
    pub tid: Option<u8>,
    /// For how many minutes; 0 ends the registration.
    pub lifetime: u16,
    /// Who owns the address: 8, 16, 24 or 32 bytes.
    pub rovr: &'p [u8],
}

impl<'p> Registration<'p> {
    /// Reads what stands behind type and length; `None` for what means nothing.
    pub(in crate::ipv6) fn parse(body: &'p [u8]) -> Option<Registration<'p>> {
        let (&[status, opaque, flags, tid, high, low], rovr) = body.split_first_chunk()?;
        matches!(rovr.len(), 8 | 16 | 24 | 32).then_some(Registration {
            status,
            opaque,
            reachability: flags & 2 != 0,
            tid: if flags & 1 != 0 { Some(tid) } else { None },
            lifetime: u16::from_be_bytes([high, low]),
            rovr,
        })
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub(in crate::ipv6) fn put(&self, out: &mut Writer<'_>) -> Result<()> {
        let units = 1 + self.rovr.len().div_ceil(8) as u8;
        let flags = u8::from(self.reachability) << 1 | u8::from(self.tid.is_some());
        let tid = self.tid.unwrap_or(0);
        out.put(&[option::ADDRESS_REGISTRATION, units, self.status, self.opaque, flags, tid])?;
        out.u16(self.lifetime)?;
        out.put(self.rovr)
    }
}

/// One option. Link-layer addresses are as the link writes them, see [`link_layer_address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdOption<'p> {
    /// Source Link-Layer Address: the address with its padding.
    SourceLinkLayer(&'p [u8]),
    /// Target Link-Layer Address: the address with its padding.
    TargetLinkLayer(&'p [u8]),
    /// Prefix Information.
    Prefix(PrefixInformation),
    /// Redirected Header: as much of the redirected packet as was sent along.
    Redirected(&'p [u8]),
    /// The MTU of the link.
    Mtu(u32),
    /// Address Registration.
    Registration(Registration<'p>),
    /// 6LoWPAN Context.
    Context(Context),
    /// Authoritative Border Router.
    Authoritative(Authoritative),
    /// 6LoWPAN Capability Indication, see [`capability`].
    Capability(u16),
    /// Another option, or one of the above with a length or content that its definition
    /// excludes: to be ignored.
    Unknown {
        /// The type.
        kind: u8,
        /// What stands behind type and length.
        body: &'p [u8],
    },
}

/// Walks through the options of a message. Ends after an error.
#[derive(Clone, Copy, Debug)]
pub struct Options<'p>(&'p [u8]);

impl<'p> Options<'p> {
    /// The options in `bytes`.
    pub const fn new(bytes: &'p [u8]) -> Options<'p> {
        Options(bytes)
    }

    /// Whether all options are whole and none has length 0; a message of which this is not
    /// true is discarded (RFC 4861 §6.1, §7.1).
    pub fn are_valid(mut self) -> bool {
        while self.next_body().is_some() {}
        self.0.is_empty()
    }

    /// Type of the next option and what stands behind type and length; `None` at the end, or at
    /// an option that is not whole.
    pub(in crate::ipv6) fn next_body(&mut self) -> Option<(u8, &'p [u8])> {
        let [kind, units, ..] = *self.0 else { return None };
        let (option, rest) = self.0.split_at_checked(8 * usize::from(units))?;
        let body = option.get(2..)?;
        self.0 = rest;
        Some((kind, body))
    }

    /// What stands behind type and length of the first option of this type.
    pub(in crate::ipv6) fn find(mut self, wanted: u8) -> Option<&'p [u8]> {
        while let Some((kind, body)) = self.next_body() {
            if kind == wanted {
                return Some(body);
            }
        }
        None
    }
}

impl<'p> Iterator for Options<'p> {
    type Item = Result<NdOption<'p>>;

    fn next(&mut self) -> Option<Result<NdOption<'p>>> {
        match self.next_body() {
            Some((kind, body)) => {
                Some(Ok(NdOption::known(kind, body).unwrap_or(NdOption::Unknown { kind, body })))
            }
            None if self.0.is_empty() => None,
            None => {
                self.0 = &[];
                Some(Err(Error::Malformed))
            }
        }
    }
}

impl<'p> NdOption<'p> {
    fn known(kind: u8, body: &'p [u8]) -> Option<NdOption<'p>> {
        Some(match kind {
            option::SOURCE_LINK_LAYER_ADDRESS => NdOption::SourceLinkLayer(body),
            option::TARGET_LINK_LAYER_ADDRESS => NdOption::TargetLinkLayer(body),
            option::PREFIX_INFORMATION => NdOption::Prefix(PrefixInformation::parse(body)?),
            option::REDIRECTED_HEADER => NdOption::Redirected(body.get(6..)?),
            option::MTU => {
                let &[_, _, a, b, c, d] = body else { return None };
                NdOption::Mtu(u32::from_be_bytes([a, b, c, d]))
            }
            option::ADDRESS_REGISTRATION => NdOption::Registration(Registration::parse(body)?),
            option::CONTEXT => NdOption::Context(Context::parse(body)?),
            option::AUTHORITATIVE_BORDER_ROUTER => NdOption::Authoritative(Authoritative::parse(body)?),
            option::CAPABILITY_INDICATION if body.len() == 6 => {
                NdOption::Capability(capability::parse(body)?)
            }
            _ => return None,
        })
    }

    /// Writes the option, padded to a multiple of 8 bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` has no room.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        match self {
            NdOption::SourceLinkLayer(body)
            | NdOption::TargetLinkLayer(body)
            | NdOption::Unknown { body, .. } => put_body(self.kind(), body, out),
            NdOption::Prefix(it) => {
                let lifetimes = [it.valid_lifetime, it.preferred_lifetime];
                PrefixInformation::put(it.prefix_len, it.flags, lifetimes, &it.prefix, out)
            }
            NdOption::Redirected(packet) => {
                out.put(&[option::REDIRECTED_HEADER, (self.encoded_len() >> 3) as u8, 0, 0, 0, 0, 0, 0])?;
                out.put(packet)?;
                out.reserve(packet.len().wrapping_neg() & 7).map(|_| ())
            }
            NdOption::Mtu(mtu) => {
                out.put(&[option::MTU, 1, 0, 0])?;
                out.u32(*mtu)
            }
            NdOption::Registration(registration) => registration.put(out),
            NdOption::Context(it) => {
                let flags = u8::from(it.compress) << 4 | it.id & 0xf;
                Context::put(it.prefix_len, flags, it.valid_lifetime, &it.prefix, out)
            }
            NdOption::Authoritative(it) => {
                Authoritative::put(it.version, it.valid_lifetime, &it.border_router, out)
            }
            NdOption::Capability(flags) => capability::put(*flags, out),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            NdOption::SourceLinkLayer(_) => option::SOURCE_LINK_LAYER_ADDRESS,
            NdOption::TargetLinkLayer(_) => option::TARGET_LINK_LAYER_ADDRESS,
            NdOption::Prefix(_) => option::PREFIX_INFORMATION,
            NdOption::Redirected(_) => option::REDIRECTED_HEADER,
            NdOption::Mtu(_) => option::MTU,
            NdOption::Registration(_) => option::ADDRESS_REGISTRATION,
            NdOption::Context(_) => option::CONTEXT,
            NdOption::Authoritative(_) => option::AUTHORITATIVE_BORDER_ROUTER,
            NdOption::Capability(_) => option::CAPABILITY_INDICATION,
            NdOption::Unknown { kind, .. } => *kind,
        }
    }

    /// How many bytes the option takes, a multiple of 8.
    pub const fn encoded_len(&self) -> usize {
        let length = match self {
            NdOption::SourceLinkLayer(body)
            | NdOption::TargetLinkLayer(body)
            | NdOption::Unknown { body, .. } => 2 + body.len(),
            NdOption::Prefix(_) => 32,
            NdOption::Redirected(packet) => 8 + packet.len(),
            NdOption::Registration(registration) => 8 + registration.rovr.len(),
            NdOption::Context(context) => 8 * Context::units(context.prefix_len) as usize,
            NdOption::Authoritative(_) => 24,
            NdOption::Mtu(_) | NdOption::Capability(_) => 8,
        };
        (length + 7) & !7
    }
}

/// Writes an option with this behind type and length, and what is missing to a multiple of 8.
fn put_body(kind: u8, body: &[u8], out: &mut Writer<'_>) -> Result<()> {
    let units = (2 + body.len()).div_ceil(8);
    if let [first, second, room @ ..] = out.reserve(8 * units)? {
        (*first, *second) = (kind, units as u8);
        copy(room, body);
    }
    Ok(())
}

/// The link-layer address in the body of a source or target link-layer address option;
/// [`LinkAddress::None`] when its length does not suit the link.
#[cfg_attr(not(feature = "std"), inline(never))]
pub fn link_layer_address(medium: Medium, body: &[u8]) -> LinkAddress {
    match (medium, body.len(), body.first_chunk::<8>(), body) {
        #[cfg(feature = "ethernet")]
        (Medium::Ethernet, 6, _, &[a, b, c, d, e, f, ..]) => LinkAddress::Ethernet([a, b, c, d, e, f]),
        (Medium::Ieee802154, 6, _, &[a, b, ..]) => LinkAddress::Short(u16::from_be_bytes([a, b])),
        (Medium::Ieee802154, 14, Some(extended), _) => LinkAddress::Extended(*extended),
        _ => LinkAddress::None,
    }
}

/// Writes a source (or, if `target`, target) link-layer address option for `address`; nothing
/// when there is no address.
///
/// # Errors
/// [`Error::TooLarge`] when `out` has no room.
pub fn put_link_layer_address(target: bool, address: &LinkAddress, out: &mut Writer<'_>) -> Result<()> {
    let kind = if target { option::TARGET_LINK_LAYER_ADDRESS } else { option::SOURCE_LINK_LAYER_ADDRESS };
    match address {
        LinkAddress::None => Ok(()),
        LinkAddress::Short(short) => put_body(kind, &short.to_be_bytes(), out),
        LinkAddress::Extended(bytes) => put_body(kind, bytes, out),
        #[cfg(feature = "ethernet")]
        LinkAddress::Ethernet(bytes) => put_body(kind, bytes, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn emitted(option: &NdOption<'_>) -> Vec<u8> {
        let mut buffer = [0; 300];
        let mut out = Writer::new(&mut buffer);
        option.emit(&mut out).unwrap();
        assert_eq!(out.position(), option.encoded_len());
        out.written().to_vec()
    }

    proptest! {
        #[test]
        fn options_read_back_as_written(
            kind in 0u8..9, address: [u8; 16], long: u32, longer: u32, short: u16, byte: u8, flag: bool,
            rovr in prop_oneof![Just(8usize), Just(16), Just(24), Just(32)], fill: [u8; 32],
        ) {
            let ip = Ip(address);
            let option = match kind {
                0 => NdOption::SourceLinkLayer(&fill[..6]),
                1 => NdOption::TargetLinkLayer(&fill[..14]),
                2 => NdOption::Prefix(PrefixInformation {
                    prefix_len: byte % 129, flags: byte, valid_lifetime: long, preferred_lifetime: longer, prefix: ip,
                }),
                3 => NdOption::Redirected(&fill[..16]),
                4 => NdOption::Mtu(long),
                5 => NdOption::Registration(Registration {
                    status: byte, opaque: 1, reachability: flag, tid: flag.then_some(byte), lifetime: short,
                    rovr: &fill[..rovr],
                }),
                6 => NdOption::Context(Context {
                    prefix_len: 65 + byte % 64, compress: flag, id: byte & 0xf, valid_lifetime: short, prefix: ip,
                }),
                7 => NdOption::Authoritative(Authoritative {
                    version: long, valid_lifetime: short, border_router: ip,
                }),
                _ => NdOption::Capability(short),
            };
            let bytes = emitted(&option);
            let mut options = Options::new(&bytes);
            prop_assert_eq!(options.next(), Some(Ok(option)));
            prop_assert_eq!(options.next(), None);
        }

        #[test]
        fn any_bytes_are_walked_through(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = &bytes[..];
            for option in Options::new(&bytes) {
                let Ok(option) = option else { break };
                // Known options with reserved bits set come out canonical, of the same length.
                let again = emitted(&option);
                prop_assert!(again.len() <= rest.len());
                prop_assert_eq!(&again[..2], &rest[..2]);
                rest = &rest[again.len()..];
            }
        }
    }

    #[test]
    fn an_option_of_length_zero_ends_the_walk() {
        let mut options = Options::new(&[1, 0, 0, 0, 0, 0, 0, 0]);
        assert!(!options.are_valid());
        assert_eq!(options.next(), Some(Err(Error::Malformed)));
        assert_eq!(options.next(), None);
    }

    #[test]
    fn a_prefix_length_over_128_means_nothing() {
        let mut bytes = emitted(&NdOption::Prefix(PrefixInformation::default()));
        bytes[2] = 129;
        assert!(matches!(Options::new(&bytes).next(), Some(Ok(NdOption::Unknown { kind: 3, .. }))));
        let mut bytes = emitted(&NdOption::Context(Context::default()));
        assert_eq!(bytes.len(), 16);
        bytes[2] = 65;
        assert!(matches!(Options::new(&bytes).next(), Some(Ok(NdOption::Unknown { kind: 34, .. }))));
    }

    /// RFC 7400 §3.4.
    #[test]
    fn a_capability_option_longer_than_known_is_taken() {
        let long = [36, 2, 0, 0x11, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let body = Options::new(&long).find(option::CAPABILITY_INDICATION).unwrap();
        assert_eq!(capability::parse(body), Some(capability::GHC | capability::ROUTER));
        assert_eq!(capability::parse(&body[..4]), None);
    }

    #[test]
    fn link_layer_addresses_depend_on_the_link() {
        for (medium, address, length) in [
            (Medium::Ieee802154, LinkAddress::Short(0x1234), 8),
            (Medium::Ieee802154, LinkAddress::Extended([1, 2, 3, 4, 5, 6, 7, 8]), 16),
            (Medium::Ethernet, LinkAddress::Ethernet([1, 2, 3, 4, 5, 6]), 8),
        ] {
            let mut buffer = [0; 16];
            let mut out = Writer::new(&mut buffer);
            put_link_layer_address(false, &address, &mut out).unwrap();
            assert_eq!(out.position(), length);
            let Some(Ok(NdOption::SourceLinkLayer(body))) = Options::new(out.written()).next() else {
                panic!()
            };
            assert_eq!(link_layer_address(medium, body), address);
        }
        assert_eq!(link_layer_address(Medium::Ethernet, &[0; 14]), LinkAddress::None);
    }
}
