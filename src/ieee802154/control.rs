// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the frame control field tells: what a frame is, of which edition, and which addresses and PAN IDs it has.
#![forbid(unsafe_code)]

use super::LinkAddress;

/// What a frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameType {
    /// Beacon.
    Beacon = 0,
    /// Data.
    #[default]
    Data = 1,
    /// Acknowledgement.
    Ack = 2,
    /// MAC command.
    Command = 3,
}

/// The edition of the standard whose rules a frame follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Version {
    /// 2003.
    V2003 = 0,
    /// 2006.
    #[default]
    V2006 = 1,
    /// 2015, 802.15.4e included.
    V2015 = 2,
}

/// The addressing modes; 1 is reserved.
pub(super) const NONE: u16 = 0;
pub(super) const SHORT: u16 = 2;
pub(super) const EXTENDED: u16 = 3;

/// The addressing mode of an address.
pub(super) const fn mode(address: LinkAddress) -> u16 {
    match address {
        LinkAddress::Short(_) => SHORT,
        LinkAddress::Extended(_) => EXTENDED,
        _ => NONE,
    }
}

/// Which PAN IDs a frame carries, destination first (2006 §7.2.1.1.5; 2015 table 7-2).
pub(super) const fn pan_ids(
    version: Version,
    destination: u16,
    source: u16,
    compression: bool,
) -> (bool, bool) {
    if !matches!(version, Version::V2015) {
        return (destination != NONE, source != NONE && !compression);
    }
    match (destination, source, compression) {
        (NONE, NONE, compression) => (compression, false),
        (_, NONE, compression) => (!compression, false),
        (NONE, _, compression) => (false, !compression),
        (EXTENDED, EXTENDED, compression) => (!compression, false),
        (_, _, compression) => (true, !compression),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the 2015 edition's table: destination, source, compression bit, and which
    /// PAN IDs are there.
    #[test]
    fn the_2015_table_of_pan_ids() {
        let rows = [
            (NONE, NONE, false, false, false),
            (NONE, NONE, true, true, false),
            (SHORT, NONE, false, true, false),
            (EXTENDED, NONE, true, false, false),
            (NONE, SHORT, false, false, true),
            (NONE, EXTENDED, true, false, false),
            (EXTENDED, EXTENDED, false, true, false),
            (EXTENDED, EXTENDED, true, false, false),
            (SHORT, SHORT, false, true, true),
            (SHORT, SHORT, true, true, false),
            (SHORT, EXTENDED, false, true, true),
            (SHORT, EXTENDED, true, true, false),
            (EXTENDED, SHORT, false, true, true),
            (EXTENDED, SHORT, true, true, false),
        ];
        for (destination, source, compression, to, from) in rows {
            assert_eq!(pan_ids(Version::V2015, destination, source, compression), (to, from));
        }
    }
}
