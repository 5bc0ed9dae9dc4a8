// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of the control messages (RFC 6550 §6.7).
#![forbid(unsafe_code)]

use super::metric::{METRIC_CONTAINER, PathCost};
use crate::address::Ip;
use crate::bytes::{Reader, Writer, copy};
use crate::status::{Error, Result};

const PAD1: u8 = 0;
const PAD_N: u8 = 1;
const ROUTE_INFORMATION: u8 = 3;
pub(crate) const CONFIGURATION: u8 = 4;
pub(crate) const TARGET: u8 = 5;
pub(crate) const TRANSIT: u8 = 6;
pub(crate) const SOLICITED_INFORMATION: u8 = 7;
pub(crate) const PREFIX_INFORMATION: u8 = 8;
const TARGET_DESCRIPTOR: u8 = 9;

/// The options behind a base object, in order. Ends after the first malformed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    /// The options in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Options<'a> {
        Options { rest: bytes }
    }

    /// Walks all options, each of which has to be one that [`ControlOption::parse`] takes, and gathers what
    /// they say.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub(crate) fn checked(self) -> Result<Carried<'a>> {
        let mut carried =
            Carried { configuration: None, prefix: None, solicited: None, path: PathCost::NONE };
        let mut rest = self;
        // Ends: each round takes at least one byte.
        while !rest.rest.is_empty() {
            let (kind, data) = rest.next_raw().ok_or(Error::Malformed)?;
            let suits = match kind {
                METRIC_CONTAINER => {
                    carried.path.read(data);
                    true
                }
                ROUTE_INFORMATION => has_prefix(data, 0, 6),
                CONFIGURATION => {
                    carried.configuration = data.try_into().ok();
                    data.len() == 14
                }
                TARGET => has_prefix(data, 1, 2),
                TRANSIT => data.len() == 4 || data.len() == 20,
                SOLICITED_INFORMATION => {
                    carried.solicited = data.try_into().ok();
                    data.len() == 19
                }
                PREFIX_INFORMATION => {
                    carried.prefix = data.try_into().ok();
                    data.len() == 30 && has_prefix(data, 0, 14)
                }
                TARGET_DESCRIPTOR => data.len() == 4,
                _ => true,
            };
            if !suits {
                return Err(Error::Malformed);
            }
        }
        Ok(carried)
    }

    /// The type and the data of the next option; for those that see each for themselves.
    #[inline(never)]
    pub(crate) fn next_raw(&mut self) -> Option<(u8, &'a [u8])> {
        let mut reader = Reader::new(self.rest);
        let kind = reader.u8().ok()?;
        let length = if kind == PAD1 { 0 } else { reader.u8().ok()? };
        let data = reader.take(usize::from(length)).ok()?;
        self.rest = reader.rest();
        Some((kind, data))
    }
}

/// What the options of a message say, but for its targets.
pub(crate) struct Carried<'a> {
    /// The data of the DODAG configuration.
    pub(crate) configuration: Option<&'a [u8; 14]>,
    /// The data of the prefix information.
    pub(crate) prefix: Option<&'a [u8; 30]>,
    /// The data of the solicited information.
    pub(crate) solicited: Option<&'a [u8; 19]>,
    /// What the metric containers say.
    pub(crate) path: PathCost,
}

/// Whether the data of an option has a length of a prefix at `at`, of which there are as many bytes behind the first
/// `before`.
fn has_prefix(data: &[u8], at: usize, before: usize) -> bool {
    let bits = data.get(at).copied().unwrap_or(u8::MAX);
    bits <= 128 && data.len() >= before + prefix_bytes(bits)
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<ControlOption<'a>>;

    fn next(&mut self) -> Option<Result<ControlOption<'a>>> {
        let mut reader = Reader::new(self.rest);
        let item = if reader.is_empty() { return None } else { ControlOption::parse(&mut reader) };
        self.rest = if item.is_ok() { reader.rest() } else { &[] };
        Some(item)
    }
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlOption<'a> {
    /// One byte of padding.
    Pad1,
    /// This many bytes of padding behind the two of its header.
    PadN(u8),
    /// Metric objects, to be read with [`Metrics`](super::Metrics).
    MetricContainer(&'a [u8]),
    /// A prefix that is reached through the root.
    RouteInformation(RouteInformation),
    /// The parameters of the DODAG.
    Configuration(Configuration),
    /// A destination.
    Target(Target),
    /// Attributes of the path to the targets before it.
    Transit(Transit<'a>),
    /// Which DODAGs a DIS asks about.
    SolicitedInformation(SolicitedInformation),
    /// A prefix to form addresses with.
    PrefixInformation(PrefixInformation),
    /// An opaque number about the target before it.
    TargetDescriptor(u32),
    /// An option of another type, to be ignored.
    Unknown(u8, &'a [u8]),
}

impl<'a> ControlOption<'a> {
    /// Reads the next option.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut short, its length does not suit its type, or a
    /// prefix is longer than 128 bits or than its bytes.
    pub fn parse(reader: &mut Reader<'a>) -> Result<ControlOption<'a>> {
        let kind = reader.u8()?;
        if kind == PAD1 {
            return Ok(ControlOption::Pad1);
        }
        let length = reader.u8()?;
        let data = reader.take(usize::from(length))?;
        let body = Reader::new(data);
        Ok(match kind {
            PAD_N => ControlOption::PadN(length),
            METRIC_CONTAINER => ControlOption::MetricContainer(data),
            ROUTE_INFORMATION => ControlOption::RouteInformation(RouteInformation::parse(body)?),
            CONFIGURATION => ControlOption::Configuration(Configuration::read(&exact(body)?)),
            TARGET => ControlOption::Target(Target::parse(data)?),
            TRANSIT => ControlOption::Transit(Transit::parse(data)?),
            SOLICITED_INFORMATION => ControlOption::SolicitedInformation(SolicitedInformation::parse(body)?),
            PREFIX_INFORMATION => ControlOption::PrefixInformation(PrefixInformation::parse(body)?),
            TARGET_DESCRIPTOR => ControlOption::TargetDescriptor(u32::from_be_bytes(exact(body)?)),
            _ => ControlOption::Unknown(kind, data),
        })
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        match self {
            ControlOption::Pad1 => out.u8(PAD1),
            ControlOption::PadN(count) => {
                out.put(&[PAD_N, *count])?;
                out.reserve(usize::from(*count)).map(|_| ())
            }
            ControlOption::MetricContainer(data) => put_raw(METRIC_CONTAINER, data, out),
            ControlOption::RouteInformation(option) => option.emit(out),
            ControlOption::Configuration(option) => option.emit(out),
            ControlOption::Target(option) => option.emit(out),
            ControlOption::Transit(option) => option.emit(out),
            ControlOption::SolicitedInformation(option) => option.emit(out),
            ControlOption::PrefixInformation(option) => option.emit(out),
            ControlOption::TargetDescriptor(value) => put_raw(TARGET_DESCRIPTOR, &value.to_be_bytes(), out),
            ControlOption::Unknown(kind, data) => put_raw(*kind, data, out),
        }
    }

    /// Bytes of the option, header included.
    pub const fn encoded_len(&self) -> usize {
        match self {
            ControlOption::Pad1 => 1,
            ControlOption::PadN(count) => 2 + *count as usize,
            ControlOption::MetricContainer(data) | ControlOption::Unknown(_, data) => 2 + data.len(),
            ControlOption::RouteInformation(option) => 8 + prefix_bytes(option.prefix_len),
            ControlOption::Configuration(_) => Configuration::LEN,
            ControlOption::Target(option) => option.encoded_len(),
            ControlOption::Transit(option) => option.encoded_len(),
            ControlOption::SolicitedInformation(_) => 21,
            ControlOption::PrefixInformation(_) => PrefixInformation::LEN,
            ControlOption::TargetDescriptor(_) => 6,
        }
    }
}

fn put_raw(kind: u8, data: &[u8], out: &mut Writer<'_>) -> Result<()> {
    let length = u8::try_from(data.len()).map_err(|_| Error::TooLarge)?;
    out.put(&[kind, length])?;
    out.put(data)
}

/// The body when it has exactly `N` bytes.
fn exact<const N: usize>(mut body: Reader<'_>) -> Result<[u8; N]> {
    let bytes = body.array()?;
    if body.is_empty() { Ok(bytes) } else { Err(Error::Malformed) }
}

const fn prefix_bytes(prefix_len: u8) -> usize {
    (prefix_len as usize).div_ceil(8)
}

/// Reads a prefix that fills the rest of an option; bits behind the prefix are cleared.
fn parse_prefix(prefix_len: u8, bytes: &[u8]) -> Result<Ip> {
    if prefix_len > 128 || bytes.len() < prefix_bytes(prefix_len) {
        return Err(Error::Malformed);
    }
    let mut prefix = Ip::UNSPECIFIED;
    copy(&mut prefix.0, bytes);
    mask(&mut prefix, prefix_len);
    Ok(prefix)
}

/// Clears the bits of an address behind the first `prefix_len`. By bytes, since 128-bit shifts are long
/// on a small processor.
#[inline(never)]
pub(crate) fn mask(address: &mut Ip, prefix_len: u8) {
    let mut left = prefix_len;
    for byte in &mut address.0 {
        let bits = left.min(8);
        *byte &= !(0xff_u32 >> bits) as u8;
        left -= bits;
    }
}

/// DODAG Configuration (RFC 6550 §6.7.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Whether the RPL option has type 0x23 in this DODAG (RFC 9008 §4.1.3).
    pub rpi_0x23: bool,
    /// The two flags that mean nothing yet, at their places: nobody but the root may change what it says
    /// (RFC 6550 §6.7.6).
    pub unassigned: u8,
    /// Whether the headers of RPL are sent compressed in this DODAG (RFC 8138): the flag T of RFC 9035.
    pub compressed: bool,
    /// Whether a node must authenticate before it becomes a router.
    pub authenticated: bool,
    /// Path Control Size: one less than the active bits of the Path Control field, 0 to 7.
    pub path_control_size: u8,
    /// DIOIntervalDoublings: Imax is Imin doubled that often.
    pub interval_doublings: u8,
    /// DIOIntervalMin: Imin is 2 to this power, in milliseconds.
    pub interval_min: u8,
    /// DIORedundancyConstant, k of trickle; 0 means that nothing is suppressed.
    pub redundancy: u8,
    /// By how much a node's rank may grow within a version; 0 disables the limit.
    pub max_rank_increase: u16,
    /// MinHopRankIncrease, the unit of DAGRank and the root's rank.
    pub min_hop_rank_increase: u16,
    /// Objective code point.
    pub ocp: u16,
    /// Default lifetime of routes, in lifetime units; 255 is for ever.
    pub default_lifetime: u8,
    /// Seconds of a lifetime unit.
    pub lifetime_unit: u16,
}

impl Default for Configuration {
    /// What this implementation's roots announce unless told otherwise: intervals from 4.1 s
    /// to 17.5 min, as real networks use, and MinHopRankIncrease at one transmission, so that
    /// MRHOF tells a poor hop from two good ones (RFC 6719 §6.1); the values of RFC 6550 §17
    /// else. Routes live for half an hour.
    fn default() -> Configuration {
        Configuration {
            rpi_0x23: false,
            unassigned: 0,
            compressed: false,
            authenticated: false,
            path_control_size: 0,
            interval_doublings: 8,
            interval_min: 12,
            redundancy: 10,
            max_rank_increase: 1024,
            min_hop_rank_increase: 128,
            ocp: 1,
            default_lifetime: 30,
            lifetime_unit: 60,
        }
    }
}

impl Configuration {
    /// Bytes of the option, header included.
    pub const LEN: usize = 16;

    /// Reads the data of the option.
    pub(crate) const fn read(data: &[u8; 14]) -> Configuration {
        let [flags, doublings, min, redundancy, m0, m1, h0, h1, o0, o1, _, lifetime, u0, u1] = *data;
        Configuration {
            rpi_0x23: flags & 0x10 != 0,
            unassigned: flags & 0xc0,
            compressed: flags & 0x20 != 0,
            authenticated: flags & 0x08 != 0,
            path_control_size: flags & 7,
            interval_doublings: doublings,
            interval_min: min,
            redundancy,
            max_rank_increase: u16::from_be_bytes([m0, m1]),
            min_hop_rank_increase: u16::from_be_bytes([h0, h1]),
            ocp: u16::from_be_bytes([o0, o1]),
            default_lifetime: lifetime,
            lifetime_unit: u16::from_be_bytes([u0, u1]),
        }
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let flags = u8::from(self.rpi_0x23) << 4 | u8::from(self.authenticated) << 3;
        let flags = flags | u8::from(self.compressed) << 5 | self.path_control_size & 7;
        let flags = flags | self.unassigned & 0xc0;
        let [m0, m1] = self.max_rank_increase.to_be_bytes();
        let [h0, h1] = self.min_hop_rank_increase.to_be_bytes();
        let [o0, o1] = self.ocp.to_be_bytes();
        let [u0, u1] = self.lifetime_unit.to_be_bytes();
        let (doublings, min, k) = (self.interval_doublings, self.interval_min, self.redundancy);
        let lifetime = self.default_lifetime;
        out.put(&[CONFIGURATION, 14, flags, doublings, min, k, m0, m1, h0, h1, o0, o1, 0, lifetime, u0, u1])
    }
}

/// RPL Target (RFC 6550 §6.7.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// How many bits of the prefix count, up to 128.
    pub prefix_len: u8,
    /// The address or prefix, zero behind its bits.
    pub prefix: Ip,
}

impl Target {
    /// The first `prefix_len` bits of an address.
    #[inline(never)]
    pub(crate) fn new(address: &Ip, prefix_len: u8) -> Target {
        let mut target = Target { prefix_len, prefix: *address };
        mask(&mut target.prefix, prefix_len);
        target
    }

    fn parse(data: &[u8]) -> Result<Target> {
        if has_prefix(data, 1, 2) { Ok(Target::read(data)) } else { Err(Error::Malformed) }
    }

    /// Reads the data of the option, which is well-formed.
    pub(crate) fn read(data: &[u8]) -> Target {
        let mut target = Target::default();
        if let Some((&[_, prefix_len], prefix)) = data.split_first_chunk() {
            target.prefix_len = prefix_len;
            copy(&mut target.prefix.0, prefix);
            mask(&mut target.prefix, prefix_len);
        }
        target
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let bytes = self.prefix.0.get(..prefix_bytes(self.prefix_len)).ok_or(Error::TooLarge)?;
        out.put(&[TARGET, bytes.len() as u8 + 2, 0, self.prefix_len])?;
        out.put(bytes)
    }

    /// Bytes of the option, header included.
    pub const fn encoded_len(&self) -> usize {
        4 + prefix_bytes(self.prefix_len)
    }
}

/// Transit Information (RFC 6550 §6.7.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transit<'a> {
    /// Whether the targets were learned through another protocol.
    pub external: bool,
    /// Path Control bits.
    pub path_control: u8,
    /// Path Sequence, a lollipop counter.
    pub path_sequence: u8,
    /// Lifetime units; 0 is a No-Path, 255 is for ever.
    pub path_lifetime: u8,
    /// The parent through which the targets are reached (non-storing mode).
    pub parent: Option<&'a Ip>,
}

impl<'a> Transit<'a> {
    pub(crate) fn parse(data: &'a [u8]) -> Result<Transit<'a>> {
        let (&[flags, path_control, path_sequence, path_lifetime], rest) =
            data.split_first_chunk().ok_or(Error::Malformed)?;
        let parent = match rest {
            [] => None,
            rest => Some(Ip::of(rest.try_into().map_err(|_| Error::Malformed)?)),
        };
        Ok(Transit { external: flags & 0x80 != 0, path_control, path_sequence, path_lifetime, parent })
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let length = if self.parent.is_some() { 20 } else { 4 };
        let flags = u8::from(self.external) << 7;
        out.put(&[TRANSIT, length, flags, self.path_control, self.path_sequence, self.path_lifetime])?;
        out.put(self.parent.map_or(&[], |parent| &parent.0))
    }

    /// Bytes of the option, header included.
    pub const fn encoded_len(&self) -> usize {
        if self.parent.is_some() { 22 } else { 6 }
    }
}

/// Solicited Information (RFC 6550 §6.7.9): a predicate that is absent holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SolicitedInformation {
    /// The instance predicate.
    pub instance: Option<u8>,
    /// The DODAGID predicate.
    pub dodag_id: Option<Ip>,
    /// The version predicate.
    pub version: Option<u8>,
}

/// Whether the data of a solicited information option asks for this version of a DODAG.
pub(crate) fn solicits(data: &[u8; 19], instance: u8, dodag_id: &Ip, version: u8) -> bool {
    let [wanted_instance, flags, wanted_id @ .., wanted_version] = data;
    (flags & 0x40 == 0 || *wanted_instance == instance)
        && (flags & 0x20 == 0 || *wanted_id == dodag_id.0)
        && (flags & 0x80 == 0 || *wanted_version == version)
}

impl SolicitedInformation {
    fn parse(body: Reader<'_>) -> Result<SolicitedInformation> {
        let bytes: [u8; 19] = exact(body)?;
        let mut body = Reader::new(&bytes);
        let [instance, flags] = body.array()?;
        let dodag_id = Ip(body.array()?);
        let version = body.u8()?;
        Ok(SolicitedInformation {
            version: (flags & 0x80 != 0).then_some(version),
            instance: (flags & 0x40 != 0).then_some(instance),
            dodag_id: (flags & 0x20 != 0).then_some(dodag_id),
        })
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let flags = u8::from(self.version.is_some()) << 7
            | u8::from(self.instance.is_some()) << 6
            | u8::from(self.dodag_id.is_some()) << 5;
        out.put(&[SOLICITED_INFORMATION, 19, self.instance.unwrap_or(0), flags])?;
        out.put(&self.dodag_id.unwrap_or_default().0)?;
        out.u8(self.version.unwrap_or(0))
    }
}

/// Prefix Information (RFC 6550 §6.7.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixInformation {
    /// How many bits of the prefix count, up to 128.
    pub prefix_len: u8,
    /// L: the prefix is on-link.
    pub on_link: bool,
    /// A: addresses may be formed from the prefix.
    pub autonomous: bool,
    /// R: the prefix field holds the sender's whole address.
    pub router_address: bool,
    /// Seconds; `u32::MAX` is for ever.
    pub valid_lifetime: u32,
    /// Seconds; `u32::MAX` is for ever.
    pub preferred_lifetime: u32,
    /// The prefix, or with R the whole address.
    pub prefix: Ip,
}

impl PrefixInformation {
    /// Bytes of the option, header included.
    pub const LEN: usize = 32;
    /// The bit R.
    pub(crate) const ROUTER_ADDRESS: u8 = 0x20;

    fn parse(body: Reader<'_>) -> Result<PrefixInformation> {
        let option = PrefixInformation::read(&exact(body)?);
        if option.prefix_len <= 128 { Ok(option) } else { Err(Error::Malformed) }
    }

    /// Reads the data of the option, whose prefix length is not looked at.
    pub(crate) const fn read(data: &[u8; 30]) -> PrefixInformation {
        let [prefix_len, flags, a, b, c, d, e, f, g, h, _, _, _, _, prefix @ ..] = data;
        PrefixInformation {
            prefix_len: *prefix_len,
            on_link: *flags & 0x80 != 0,
            autonomous: *flags & 0x40 != 0,
            router_address: *flags & 0x20 != 0,
            valid_lifetime: u32::from_be_bytes([*a, *b, *c, *d]),
            preferred_lifetime: u32::from_be_bytes([*e, *f, *g, *h]),
            prefix: Ip(*prefix),
        }
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        self.emit_about(&self.prefix, out)
    }

    /// The same with a prefix or address that stands elsewhere.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub(crate) fn emit_about(&self, prefix: &Ip, out: &mut Writer<'_>) -> Result<()> {
        let flags =
            u8::from(self.on_link) << 7 | u8::from(self.autonomous) << 6 | u8::from(self.router_address) << 5;
        let [a, b, c, d] = self.valid_lifetime.to_be_bytes();
        let [e, f, g, h] = self.preferred_lifetime.to_be_bytes();
        out.put(&[PREFIX_INFORMATION, 30, self.prefix_len, flags, a, b, c, d, e, f, g, h, 0, 0, 0, 0])?;
        out.put(&prefix.0)
    }
}

/// Route Information (RFC 6550 §6.7.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteInformation {
    /// How many bits of the prefix count, up to 128.
    pub prefix_len: u8,
    /// The two bits of the route preference: 1 high, 0 medium, 3 low; an option with 2 is to
    /// be ignored.
    pub preference: u8,
    /// Seconds; `u32::MAX` is for ever.
    pub lifetime: u32,
    /// The prefix, zero behind its bits.
    pub prefix: Ip,
}

impl RouteInformation {
    fn parse(mut body: Reader<'_>) -> Result<RouteInformation> {
        let [prefix_len, flags] = body.array()?;
        let lifetime = body.u32()?;
        let prefix = parse_prefix(prefix_len, body.rest())?;
        Ok(RouteInformation { prefix_len, preference: flags >> 3 & 3, lifetime, prefix })
    }

    /// Writes the option.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let bytes = self.prefix.0.get(..prefix_bytes(self.prefix_len)).ok_or(Error::TooLarge)?;
        out.put(&[ROUTE_INFORMATION, bytes.len() as u8 + 6, self.prefix_len, (self.preference & 3) << 3])?;
        out.u32(self.lifetime)?;
        out.put(bytes)
    }
}
