// SPDX-License-Identifier: MIT OR Apache-2.0
//! The objects of the C API as C knows them: types that are never made, behind pointers into the application's blocks.

/// One loop that drives any number of protocol objects over one port.
pub struct mote_node {
    _object: [u8; 0],
}

/// One look-up of a host name.
pub struct mote_lookup {
    _object: [u8; 0],
}

/// A CoAP endpoint: client and server over one UDP socket.
#[cfg(any(feature = "coap-client", feature = "coap-server"))]
pub struct mote_coap {
    _object: [u8; 0],
}

/// A node of the mesh: IEEE 802.15.4, 6LoWPAN, IPv6 and RPL over the radio of a port.
#[cfg(any(feature = "rpl-storing", feature = "rpl-non-storing"))]
pub struct mote_mesh {
    _object: [u8; 0],
}

/// An MQTT client.
#[cfg(any(feature = "mqtt-v3", feature = "mqtt-v5"))]
pub struct mote_mqtt {
    _object: [u8; 0],
}
