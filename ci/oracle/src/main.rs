// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers one line for each line that comes: what our codecs make of some bytes, in hexadecimal.
//!
//! | question | answer |
//! |---|---|
//! | `frame HEX` | the IEEE 802.15.4 frame, read and written again |
//! | `air SOURCE DESTINATION HEX` | a frame with FCS that carries the IPv6 packet, compressed; addresses of 2 or 8 bytes |
//! | `lowpan SOURCE DESTINATION HEX` | the IPv6 packet that a compressed one stands for |
//! | `rpl CODE HEX` | the message, read and written again; then what its base object says |
//! | `metric HEX` | the metric objects, read and written again |
//! | `route DESTINATION HEX` | the addresses of a source routing header |
//!
//! What our codecs refuse is answered `refused`.

use mote::address::Ip;
use mote::bytes::{Parts, Writer};
use mote::ieee802154::LinkAddress;
use mote::ieee802154::wire::{Frame, FrameType, Header, fcs};
use mote::lowpan::context::{Context, Contexts};
use mote::lowpan::iphc::Ends;
use mote::lowpan::packet;
use mote::rpl::wire::{Message, Metrics, SourceRoute};
use std::io::{BufRead, Write};

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn link(text: &str) -> Option<LinkAddress> {
    let bytes = bytes(text)?;
    match bytes.len() {
        2 => Some(LinkAddress::Short(u16::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(LinkAddress::Extended(bytes.try_into().ok()?)),
        _ => None,
    }
}

fn answer(words: &[&str]) -> Option<String> {
    let mut room = [0; 4096];
    let mut entries = [Context::default(); 1];
    let mut contexts = Contexts::new(&mut entries);
    contexts.set(0, Ip::v6([0xfd00, 0, 0, 0, 0, 0, 0, 0]), 64, true).ok()?;
    match words {
        ["frame", frame] => {
            let frame = bytes(frame)?;
            let mut out = Writer::new(&mut room);
            Frame::parse(&frame).ok()?.emit(&mut out).ok()?;
            Some(hex(out.finish()))
        }
        ["air", source, destination, whole] => {
            let (source, destination, whole) = (link(source)?, link(destination)?, bytes(whole)?);
            let ends = Ends::of_link(source, destination);
            let compressed = packet::compress(Parts::whole(&whole), ends, &contexts, false, &mut room).ok()?;
            let mut payload = room[..compressed.len].to_vec();
            payload.extend_from_slice(&whole[compressed.consumed..]);
            let header = Header {
                frame_type: FrameType::Data,
                pan_id_compression: true,
                sequence: Some(1),
                destination_pan: Some(0xabcd),
                destination,
                source,
                ..Header::default()
            };
            let mut out = Writer::new(&mut room);
            Frame { header, payload: &payload, ..Frame::default() }.emit(&mut out).ok()?;
            let sum = fcs(out.written()).to_le_bytes();
            out.put(&sum).ok()?;
            Some(hex(out.finish()))
        }
        ["lowpan", source, destination, payload] => {
            let ends = Ends::of_link(link(source)?, link(destination)?);
            let payload = bytes(payload)?;
            let restored = packet::decompress(&payload, ends, &contexts, None, &mut room).ok()?;
            Some(hex(&room[..restored.len]))
        }
        ["rpl", code, body] => {
            let body = bytes(body)?;
            let mut out = Writer::new(&mut room);
            let (base, options) = match Message::parse(code.parse().ok()?, &body).ok()? {
                Message::Dis(dis, options) => (dis.emit(&mut out).map(|()| String::from("-")), options),
                Message::Dio(dio, options) => {
                    let text = format!(
                        "{} {} {} {} {} {} {} {}",
                        dio.instance,
                        dio.version,
                        dio.rank,
                        u8::from(dio.grounded),
                        dio.mode,
                        dio.preference,
                        dio.dtsn,
                        hex(&dio.dodag_id.0)
                    );
                    (dio.emit(&mut out).map(|()| text), options)
                }
                Message::Dao(dao, options) => {
                    let id = dao.dodag_id.map_or(String::new(), |id| hex(&id.0));
                    let text = format!("{} {} {} {id}", dao.instance, u8::from(dao.acknowledge), dao.sequence);
                    (dao.emit(&mut out).map(|()| text), options)
                }
                Message::DaoAck(ack, options) => {
                    let id = ack.dodag_id.map_or(String::new(), |id| hex(&id.0));
                    let text = format!("{} {} {} {id}", ack.instance, ack.sequence, ack.status);
                    (ack.emit(&mut out).map(|()| text), options)
                }
            };
            for option in options {
                option.ok()?.emit(&mut out).ok()?;
            }
            Some(format!("{} {}", hex(out.finish()), base.ok()?))
        }
        ["metric", data] => {
            let data = bytes(data)?;
            let mut out = Writer::new(&mut room);
            for object in Metrics::new(&data) {
                object.ok()?.emit(&mut out).ok()?;
            }
            Some(hex(out.finish()))
        }
        ["route", destination, header] => {
            let (destination, header) = (Ip(bytes(destination)?.try_into().ok()?), bytes(header)?);
            let route = SourceRoute::parse(&header).ok()?;
            let addresses: Vec<_> = route.addresses(&destination).map(|address| hex(&address.0)).collect();
            Some(addresses.join(" "))
        }
        _ => None,
    }
}

fn main() {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<_> = line.split(' ').collect();
        let text = answer(&words).unwrap_or_else(|| String::from("refused"));
        if writeln!(out, "{text}").is_err() {
            break;
        }
    }
}
