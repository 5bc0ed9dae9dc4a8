// SPDX-License-Identifier: MIT OR Apache-2.0
//! 6LoWPAN: IPv6 in the frames of IEEE 802.15.4.
#![forbid(unsafe_code)]
