// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routing metric and constraint objects (RFC 6551), the content of a metric container.
#![forbid(unsafe_code)]

use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// The option that holds the objects (RFC 6550 §6.7.4).
pub(super) const METRIC_CONTAINER: u8 = 2;

const NODE_ENERGY: u8 = 2;
const HOP_COUNT: u8 = 3;
const LATENCY: u8 = 5;
const LINK_QUALITY: u8 = 6;
const ETX: u8 = 7;

/// What a metric object says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric<'a> {
    /// Node energy (§3.2): I bit, type of supply (0 mains, 1 battery, 2 scavenger), and
    /// the estimated percentage that is left, when known. The first sub-object counts.
    NodeEnergy {
        /// I: nodes of this type are included (constraints only).
        included: bool,
        /// T: 0 mains, 1 battery, 2 energy scavenger.
        supply: u8,
        /// Percent of energy left, or the threshold of a constraint.
        estimate: Option<u8>,
    },
    /// Traversed nodes (§3.3).
    HopCount(u8),
    /// Microseconds along the path (§4.2).
    Latency(u32),
    /// Counters by link quality (§4.3.1): each byte holds a level (1 best to 7, 0
    /// unknown) in its high three bits and the number of links in the low five.
    LinkQuality(&'a [u8]),
    /// Expected transmissions along the path, times 128 (§4.3.2).
    Etx(u16),
    /// Another object, to be skipped.
    Other(u8, &'a [u8]),
}

/// A metric object with the flags of its header (§2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricObject<'a> {
    /// P: some node on the path could not record.
    pub partial: bool,
    /// C: this is a constraint.
    pub constraint: bool,
    /// O: the constraint is optional.
    pub optional: bool,
    /// R: values are recorded, not aggregated.
    pub recorded: bool,
    /// A: 0 additive, 1 maximum, 2 minimum, 3 multiplicative.
    pub aggregation: u8,
    /// 0 (first) to 15.
    pub precedence: u8,
    /// The body.
    pub metric: Metric<'a>,
}

impl<'a> MetricObject<'a> {
    /// An additive, aggregated metric of the highest precedence.
    pub const fn aggregated(metric: Metric<'a>) -> MetricObject<'a> {
        let (partial, constraint, optional, recorded) = (false, false, false, false);
        MetricObject { partial, constraint, optional, recorded, aggregation: 0, precedence: 0, metric }
    }

    /// Reads the next object; TLVs behind what is known of it are skipped.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(reader: &mut Reader<'a>) -> Result<MetricObject<'a>> {
        let [kind, high, low, length] = reader.array()?;
        let data = reader.take(usize::from(length))?;
        let mut body = Reader::new(data);
        let metric = match kind {
            NODE_ENERGY => {
                let [flags, estimate] = body.array()?;
                Metric::NodeEnergy {
                    included: flags & 0x08 != 0,
                    supply: flags >> 1 & 3,
                    estimate: (flags & 1 != 0).then_some(estimate),
                }
            }
            HOP_COUNT => {
                let [_, hops] = body.array()?;
                Metric::HopCount(hops)
            }
            LATENCY => Metric::Latency(body.u32()?),
            LINK_QUALITY => {
                body.u8()?;
                Metric::LinkQuality(body.rest())
            }
            ETX => Metric::Etx(body.u16()?),
            _ => Metric::Other(kind, data),
        };
        // The flags are five reserved bits, then P C O | R A(3) Prec(4).
        Ok(MetricObject {
            partial: high & 4 != 0,
            constraint: high & 2 != 0,
            optional: high & 1 != 0,
            recorded: low & 0x80 != 0,
            aggregation: low >> 4 & 7,
            precedence: low & 15,
            metric,
        })
    }

    /// Writes the object.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        let high = u8::from(self.partial) << 2 | u8::from(self.constraint) << 1 | u8::from(self.optional);
        let low = u8::from(self.recorded) << 7 | (self.aggregation & 7) << 4 | self.precedence & 15;
        let kind = match self.metric {
            Metric::NodeEnergy { .. } => NODE_ENERGY,
            Metric::HopCount(_) => HOP_COUNT,
            Metric::Latency(_) => LATENCY,
            Metric::LinkQuality(_) => LINK_QUALITY,
            Metric::Etx(_) => ETX,
            Metric::Other(kind, _) => kind,
        };
        let length = u8::try_from(self.encoded_len() - 4).map_err(|_| Error::TooLarge)?;
        out.put(&[kind, high, low, length])?;
        match self.metric {
            Metric::NodeEnergy { included, supply, estimate } => {
                let flags = u8::from(included) << 3 | (supply & 3) << 1 | u8::from(estimate.is_some());
                out.put(&[flags, estimate.unwrap_or(0)])
            }
            Metric::HopCount(hops) => out.put(&[0, hops]),
            Metric::Latency(microseconds) => out.u32(microseconds),
            Metric::LinkQuality(counters) => {
                out.u8(0)?;
                out.put(counters)
            }
            Metric::Etx(etx) => out.u16(etx),
            Metric::Other(_, data) => out.put(data),
        }
    }

    /// Bytes of the object, header included.
    pub const fn encoded_len(&self) -> usize {
        4 + match self.metric {
            Metric::NodeEnergy { .. } | Metric::HopCount(_) | Metric::Etx(_) => 2,
            Metric::Latency(_) => 4,
            Metric::LinkQuality(counters) => 1 + counters.len(),
            Metric::Other(_, data) => data.len(),
        }
    }
}

/// What a path is measured by. The numbers are the types of the metric objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum PathMetric {
    /// Expected transmissions, for which the rank stands (RFC 6719 §3.5): no metric container is sent.
    #[default]
    Etx = ETX,
    /// The number of hops.
    HopCount = HOP_COUNT,
    /// Microseconds.
    Latency = LATENCY,
}

/// In the place of a [`PathMetric`]: a metric that cannot be minimised here, or a constraint that binds.
pub(crate) const STRANGE: u8 = 0;
/// In the place of a value of a metric: there is none.
pub(crate) const NO_VALUE: u32 = u32::MAX;

/// What the metric containers of a message say of the path: by what it is measured, and how long it is.
pub(crate) struct PathCost {
    pub(crate) metric: u8,
    pub(crate) value: u32,
}

impl PathCost {
    /// Without any container.
    pub(crate) const NONE: PathCost = PathCost { metric: PathMetric::Etx as u8, value: NO_VALUE };

    /// Takes in a container, as long as its objects are well-formed.
    pub(crate) fn read(&mut self, data: &[u8]) {
        const CONSTRAINT: u8 = 2;
        const OPTIONAL: u8 = 1;
        let mut body = Reader::new(data);
        while let Ok([kind, high, low, length]) = body.array() {
            let Ok(data) = body.take(usize::from(length)) else { return };
            let constraint = high & CONSTRAINT != 0;
            // The rank stands for the ETX (RFC 6719 §3.4).
            if if constraint { high & OPTIONAL != 0 } else { kind == ETX } {
                continue;
            }
            let value = match (kind, data) {
                // Recorded along the path, or not summed up.
                _ if constraint || low & 0xf0 != 0 => NO_VALUE,
                (HOP_COUNT, &[_, hops, ..]) => u32::from(hops),
                (LATENCY, &[a, b, c, d, ..]) => u32::from_be_bytes([a, b, c, d]),
                _ => NO_VALUE,
            };
            // Of several objects of a type the first counts (RFC 6551 §3).
            if value == NO_VALUE || (self.value != NO_VALUE && self.metric != kind) {
                *self = PathCost { metric: STRANGE, value: NO_VALUE };
            } else if self.value == NO_VALUE && self.metric != STRANGE {
                *self = PathCost { metric: kind, value };
            }
        }
    }

    /// Writes the metric container that says so, if one has to.
    pub(crate) fn emit(&self, out: &mut Writer<'_>) -> Result<()> {
        if self.value == NO_VALUE {
            return Ok(());
        }
        // A hop count is the last byte of two.
        let latency = self.metric == LATENCY;
        let (length, value) = if latency { (4, self.value) } else { (2, self.value.min(255)) };
        out.put(&[METRIC_CONTAINER, 4 + length, self.metric, 0, 0, length])?;
        let long = value.to_be_bytes();
        let [_, _, short @ ..] = &long;
        out.put(if latency { &long } else { short })
    }
}

/// The objects of a metric container, in order. Ends after the first malformed one.
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'a> {
    rest: &'a [u8],
}

impl<'a> Metrics<'a> {
    /// The objects in a container's data.
    pub const fn new(data: &'a [u8]) -> Metrics<'a> {
        Metrics { rest: data }
    }
}

impl<'a> Iterator for Metrics<'a> {
    type Item = Result<MetricObject<'a>>;

    fn next(&mut self) -> Option<Result<MetricObject<'a>>> {
        let mut reader = Reader::new(self.rest);
        let item = if reader.is_empty() { return None } else { MetricObject::parse(&mut reader) };
        self.rest = if item.is_ok() { reader.rest() } else { &[] };
        Some(item)
    }
}
