// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wire formats of RPL: control messages and their options (RFC 6550 §6), metric objects
//! (RFC 6551), the RPL option (RFC 6553, 9008) and the source routing header (RFC 6554).
//!
//! Each is a plain struct with `parse`, `emit` and `encoded_len`; lists are iterators over the
//! received bytes. Nothing here knows of the engine.
#![forbid(unsafe_code)]

mod base;
mod metric;
pub(crate) mod option;
mod rpi;
mod secure;
mod srh;
#[cfg(test)]
mod tests;

pub(crate) use base::{Base, DioView, split};
pub use base::{Dao, DaoAck, Dio, Dis};
pub use metric::{Metric, MetricObject, Metrics, PathMetric};
pub(crate) use metric::{NO_VALUE, PathCost, STRANGE};
pub(crate) use option::{Carried, mask};
pub use option::{
    Configuration, ControlOption, Options, PrefixInformation, RouteInformation, SolicitedInformation, Target,
    Transit,
};
pub use rpi::PacketInformation;
pub use secure::{ConsistencyCheck, Security};
pub use srh::{Addresses, Refusal, Shape, SourceRoute, advance};

use crate::status::Result;

/// ICMPv6 type of every RPL control message (RFC 6550 §6).
pub const ICMPV6_TYPE: u8 = 155;

/// ICMPv6 codes of the RPL control messages (RFC 6550 §20.2). The secured variants have the
/// high bit set.
pub mod code {
    /// DODAG Information Solicitation.
    pub const DIS: u8 = 0x00;
    /// DODAG Information Object.
    pub const DIO: u8 = 0x01;
    /// Destination Advertisement Object.
    pub const DAO: u8 = 0x02;
    /// Destination Advertisement Object Acknowledgement.
    pub const DAO_ACK: u8 = 0x03;
    /// The bit that marks a secured message.
    pub const SECURE: u8 = 0x80;
    /// Consistency Check, which is always secured.
    pub const CONSISTENCY_CHECK: u8 = 0x8a;
}

/// The rank of the unreachable (RFC 6550 §17).
pub const INFINITE_RANK: u16 = 0xffff;

/// Whether a RPLInstanceID names a local instance, so that the DODAGID is needed with it
/// (RFC 6550 §5.1).
pub const fn is_local_instance(instance: u8) -> bool {
    instance & 0x80 != 0
}

/// The flag D in the RPLInstanceID of a packet of a local instance: it goes to the root, else it comes from there
/// (RFC 6550 §5.1). It is zero in control messages.
pub(crate) const TO_ROOT: u8 = 0x40;

/// The instance that the RPLInstanceID of a packet names.
pub(crate) const fn instance_of(field: u8) -> u8 {
    if is_local_instance(field) { field & !TO_ROOT } else { field }
}

/// A control message, told apart by its ICMPv6 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// "Who is there?"
    Dis(Dis, Options<'a>),
    /// "This is the DODAG, and this is my rank."
    Dio(Dio, Options<'a>),
    /// "These targets are reached through me."
    Dao(Dao<'a>, Options<'a>),
    /// The answer to a DAO.
    DaoAck(DaoAck<'a>, Options<'a>),
}

impl<'a> Message<'a> {
    /// Reads the message behind the ICMPv6 header and walks all of its options, so that what
    /// is handed out holds no malformed option.
    ///
    /// # Errors
    /// [`Malformed`](crate::status::Error::Malformed); [`Security`](crate::status::Error::Security) for a secured message, which needs keys that
    /// this node has not; [`Unsupported`](crate::status::Error::Unsupported) for any other code.
    pub fn parse(code: u8, body: &'a [u8]) -> Result<Message<'a>> {
        let (base, options) = split(code, body)?;
        let message = match base {
            Base::Dis => Message::Dis(Dis, options),
            Base::Dio(view) => Message::Dio(view.into(), options),
            Base::Dao(base) => Message::Dao(base, options),
            Base::DaoAck(base) => Message::DaoAck(base, options),
        };
        for option in options {
            option?;
        }
        Ok(message)
    }
}
