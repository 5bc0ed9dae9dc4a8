// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client against a scripted server, by subject.

mod connection;
mod features;
mod input;
#[path = "../mqtt_support/mod.rs"]
mod mqtt_support;
mod output;
mod owned;
mod subscriptions;

use mote::mqtt::wire::{
    Auth, Connack, Connect, Disconnect, Packet, PacketType, Publish, PublishHead, Side, Version, Will,
};
use mote::mqtt::{Client, Config, Filter, Properties, Property, Publication, Reason, Subscription};
use mote::status::Error;
use mote::time::Instant;
use mote::transport::StreamEvent;
use mqtt_support::*;

fn connect_of(bytes: &[u8]) -> Connect<'_> {
    match Packet::parse(bytes, Version::V5, Side::Client) {
        Ok(Some((Packet::Connect(connect), _))) => connect,
        other => panic!("{other:?}"),
    }
}

fn disconnected(error: Error, reason: u8, retry: bool) -> Seen {
    Seen::Disconnected { error, reason, retry }
}
