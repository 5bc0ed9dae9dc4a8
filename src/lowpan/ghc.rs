// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generic header compression: the bytecode in which headers and payloads are written (RFC 7400).
//!
//! How it plugs into the chain of headers is in [`packet`](super::packet).
#![forbid(unsafe_code)]

use crate::bytes::{Reader, Writer};
use crate::status::{Error, Result};

/// Ends the bytecode of an extension header.
pub(super) const STOP: u8 = 0x90;
/// The NHC byte of UDP whose payload is in bytecode, without its flags.
pub(super) const NHC_UDP: u8 = 0xd0;
/// The NHC byte of ICMPv6 in bytecode.
pub(super) const NHC_ICMPV6: u8 = 0xdf;

/// What stands in front of everything, behind the addresses (figure 1).
const STATIC: [u8; 16] = [0x16, 0xfe, 0xfd, 0x17, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0];
/// How long the dictionary is: two addresses and what is static.
const DICTIONARY: usize = 48;
/// The longest run of literal bytes and of zeros that one instruction stands for.
const MAX_LITERALS: usize = 95;
const MAX_ZEROS: usize = 17;
/// How many bytes may extend a backreference, and with these: how long it gets, and how far back
/// it begins beyond its own length.
const MAX_EXTENSIONS: usize = 2;
const MAX_LENGTH: usize = 2 + 7 + 8 * MAX_EXTENSIONS;
const MAX_BACK: usize = 7 + 120 * MAX_EXTENSIONS;

/// The NHC byte of an extension header in bytecode, from that of RFC 6282, where there is one.
pub(super) const fn extension_of_nhc(nhc: u8) -> Option<u8> {
    // RFC 7400 §4 assigns four identifiers.
    if nhc >> 3 == 0b11100 { Some(0xb0 | nhc & 7) } else { None }
}

/// The NHC byte of RFC 6282 for the same header, when `nhc` is one of bytecode.
pub(super) const fn plain_of_nhc(nhc: u8) -> Option<u8> {
    match nhc >> 3 {
        0b10110 => Some(0xe0 | nhc & 7),
        0b11010 => Some(0xf0 | nhc & 7),
        _ => None,
    }
}

/// The 48 bytes in front of a header that goes between these addresses, which stand side by
/// side in the IPv6 header.
#[derive(Clone, Copy)]
pub(super) struct Dictionary([u8; DICTIONARY]);

impl Dictionary {
    pub(super) fn new(source: &[u8; 16], destination: &[u8; 16]) -> Dictionary {
        let mut bytes = [0; DICTIONARY];
        let mut out = Writer::new(&mut bytes);
        // They fill it exactly.
        let _ = out.put(source).and_then(|()| out.put(destination)).and_then(|()| out.put(&STATIC));
        Dictionary(bytes)
    }

    /// The byte that stands `index` bytes behind the beginning of the dictionary, where `after`
    /// follows it.
    fn at(&self, index: usize, after: &[u8]) -> Option<u8> {
        self.0.get(index).or_else(|| after.get(index - DICTIONARY)).copied()
    }
}

/// Appends to `out` what the bytecode in `input` stands for, up to the end of the input or, for an
/// extension header, to the stop code.
///
/// # Errors
/// [`Error::Malformed`] for reserved codes, references to what is not there, and bytecode that
/// ends too early or too late; [`Error::TooLarge`] when `out` is full.
pub(super) fn decompress(
    dictionary: &Dictionary,
    stops: bool,
    input: &mut Reader<'_>,
    out: &mut Writer<'_>,
) -> Result<()> {
    let start = out.position();
    let (mut far, mut long) = (0usize, 0usize);
    // Every round takes a byte of the input.
    while let Ok(code) = input.u8() {
        let value = usize::from(code);
        match code >> 5 {
            0..=2 => out.put(input.take(value)?)?,
            4 if code < STOP => out.reserve(value % 16 + 2)?.fill(0),
            4 if code == STOP && stops => return Ok(()),
            5 => {
                far += (value & 15) << 3;
                long += (value & 16) >> 1;
            }
            6 | 7 => {
                let count = (value >> 3 & 7) + 2 + long;
                let back = (value & 7) + far + count;
                (far, long) = (0, 0);
                // From the end of the dictionary and what has been put so far.
                let whole = DICTIONARY + out.position() - start;
                let from = whole.checked_sub(back).ok_or(Error::Malformed)?;
                for index in from..from + count {
                    let after = out.written().get(start..).unwrap_or_default();
                    let byte = dictionary.at(index, after).ok_or(Error::Malformed)?;
                    out.u8(byte)?;
                }
            }
            _ => return Err(Error::Malformed),
        }
    }
    if stops { Err(Error::Malformed) } else { Ok(()) }
}

/// A backreference.
#[derive(Clone, Copy, Default)]
struct Reference {
    count: usize,
    back: usize,
}

impl Reference {
    /// How many bytes extend it.
    fn extensions(self) -> usize {
        let long = self.count.saturating_sub(2) / 8;
        long.max(((self.back - self.count) / 8).div_ceil(15))
    }

    /// How many bytes it saves.
    fn saves(self) -> usize {
        self.count.saturating_sub(1 + self.extensions())
    }

    fn emit(self, out: &mut Writer<'_>) -> Result<()> {
        let mut long = self.count.saturating_sub(2) / 8;
        let mut far = (self.back - self.count) / 8;
        for _ in 0..self.extensions() {
            let step = far.min(15);
            far -= step;
            out.u8(0xa0 | u8::from(long > 0) << 4 | step as u8)?;
            long = long.saturating_sub(1);
        }
        let count = self.count.saturating_sub(2) % 8;
        out.u8(0xc0 | (count as u8) << 3 | ((self.back - self.count) % 8) as u8)
    }
}

/// What can be copied that begins at `at` of `data`: the reference that saves most.
fn find(dictionary: &Dictionary, data: &[u8], at: usize) -> Reference {
    let mut best = Reference::default();
    let here = DICTIONARY + at;
    let rest = data.get(at..).unwrap_or_default();
    // What is copied lies wholly before the place that it goes to.
    for back in 2..=here.min(MAX_BACK + MAX_LENGTH) {
        let most = back.min(MAX_LENGTH);
        let same = |(index, byte): &(usize, &u8)| dictionary.at(here - back + index, data) == Some(**byte);
        let count = rest.iter().take(most).enumerate().take_while(same).count();
        let found = Reference { count, back };
        if count >= 2 && back - count <= MAX_BACK && found.saves() > best.saves() {
            best = found;
        }
    }
    best
}

/// Writes `data` as bytecode, with a stop code at the end for an extension header. It never takes
/// more than a byte for each 95 of `data`, and two, beyond those of `data`.
///
/// # Errors
/// [`Error::TooLarge`] when `out` is full.
pub(super) fn compress(
    dictionary: &Dictionary,
    stops: bool,
    data: &[u8],
    out: &mut Writer<'_>,
) -> Result<()> {
    let (mut at, mut literals) = (0, 0);
    while at < data.len() {
        let rest = data.get(at..).unwrap_or_default();
        let zeros = rest.iter().take(MAX_ZEROS).take_while(|byte| **byte == 0).count();
        let reference = find(dictionary, data, at);
        let use_zeros = zeros >= 2 && zeros > reference.saves();
        let saved = if use_zeros { zeros - 1 } else { reference.saves() };
        let full = at - literals == MAX_LITERALS;
        if saved > 0 || full {
            put_literals(data.get(literals..at).unwrap_or_default(), out)?;
            literals = at;
        }
        if saved == 0 {
            at += 1;
            continue;
        }
        if use_zeros {
            out.u8(0x80 | (zeros - 2) as u8)?;
            at += zeros;
        } else {
            reference.emit(out)?;
            at += reference.count;
        }
        literals = at;
    }
    put_literals(data.get(literals..).unwrap_or_default(), out)?;
    if stops { out.u8(STOP) } else { Ok(()) }
}

fn put_literals(literals: &[u8], out: &mut Writer<'_>) -> Result<()> {
    if literals.is_empty() {
        return Ok(());
    }
    out.u8(literals.len() as u8)?;
    out.put(literals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    fn unpack(dictionary: &Dictionary, stops: bool, input: &[u8], room: usize) -> Result<Vec<u8>> {
        let mut out = [0; 2048];
        let mut writer = Writer::new(&mut out[..room]);
        // What was there before is not referred to.
        writer.u8(0xee)?;
        decompress(dictionary, stops, &mut Reader::new(input), &mut writer)?;
        Ok(writer.written()[1..].to_vec())
    }

    fn pack(dictionary: &Dictionary, stops: bool, data: &[u8]) -> Vec<u8> {
        let mut out = [0; 2048];
        let mut writer = Writer::new(&mut out);
        compress(dictionary, stops, data, &mut writer).unwrap();
        writer.written().to_vec()
    }

    /// RFC 7400 appendix A, figures 8 to 17: addresses, payload, compressed form.
    const EXAMPLES: [[&str; 3]; 10] = [
        [
            "fe 80 00 00 00 00 00 00 02 1c da ff fe 00 20 24 ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 1a",
            "9b 00 6b de 00 00 00 00",
            "04 9b 00 6b de 82",
        ],
        [
            "fe 80 00 00 00 00 00 00 02 1c da ff fe 00 30 23 ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 1a",
            "9b 01 7a 5f 00 f0 01 00 88 00 00 00 20 02 0d b8 00 00 00 00 00 00 00 ff fe 00 fa ce 04 0e 00 14 \
             09 ff 00 00 01 00 00 00 00 00 00 00 08 1e 80 20 ff ff ff ff ff ff ff ff 00 00 00 00 20 02 0d b8 \
             00 00 00 00 00 00 00 ff fe 00 fa ce 03 0e 40 00 ff ff ff ff 20 02 0d b8 00 00 00 00",
            "06 9b 01 7a 5f 00 f0 c7 01 88 81 04 20 02 0d b8 85 a7 c9 08 fa ce 04 0e 00 14 09 ff a4 da 83 06 \
             08 1e 80 20 ff ff c0 d0 82 b4 f0 03 03 0e 40 c7 a3 c9 a2 f0",
        ],
        [
            "20 02 0d b8 00 00 00 00 00 00 00 ff fe 00 33 44 20 02 0d b8 00 00 00 00 00 00 00 ff fe 00 11 22",
            "9b 02 58 7d 01 80 00 f1 05 12 00 80 20 02 0d b8 00 00 00 00 00 00 00 ff fe 00 33 44 06 14 00 80 \
             f1 00 fe 80 00 00 00 00 00 00 00 00 00 ff fe 00 11 22",
            "0c 9b 02 58 7d 01 80 00 f1 05 12 00 80 b5 f4 08 06 14 00 80 f1 00 fe 80 87 a7 dd",
        ],
        [
            "20 02 0d b8 00 00 00 00 00 00 00 ff fe 00 3b d3 fe 80 00 00 00 00 00 00 02 1c da ff fe 00 30 23",
            "87 00 a7 68 00 00 00 00 fe 80 00 00 00 00 00 00 02 1c da ff fe 00 30 23 01 01 3b d3 00 00 00 00 \
             1f 02 00 00 00 00 00 06 00 1c da ff fe 00 20 24",
            "04 87 00 a7 68 82 b3 f0 04 01 01 3b d3 82 02 1f 02 83 02 06 00 a2 db 02 20 24",
        ],
        [
            "fe 80 00 00 00 00 00 00 02 1c da ff fe 00 30 23 20 02 0d b8 00 00 00 00 00 00 00 ff fe 00 3b d3",
            "88 00 26 6c c0 00 00 00 fe 80 00 00 00 00 00 00 02 1c da ff fe 00 30 23 02 01 fa ce 00 00 00 00 \
             1f 02 00 00 00 00 00 06 00 1c da ff fe 00 20 24",
            "05 88 00 26 6c c0 81 b5 f0 04 02 01 fa ce 82 02 1f 02 83 02 06 00 a2 db 02 20 24",
        ],
        [
            "fe 80 00 00 00 00 00 00 ae de 48 00 00 00 00 01 ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 02",
            "85 00 90 65 00 00 00 00 01 02 ac de 48 00 00 00 00 01 00 00 00 00 00 00",
            "04 85 00 90 65 de 02 02 ac a5 eb 84",
        ],
        [
            "fe 80 00 00 00 00 00 00 10 34 00 ff fe 00 11 22 fe 80 00 00 00 00 00 00 ae de 48 00 00 00 00 01",
            "86 00 55 c9 40 00 0f a0 1c 5a 38 17 00 00 07 d0 01 01 11 22 00 00 00 00 03 04 40 40 ff ff ff ff \
             ff ff ff ff 00 00 00 00 20 02 0d b8 00 00 00 00 00 00 00 00 00 00 00 00 20 02 40 10 00 00 03 e8 \
             20 02 0d b8 00 00 00 00 21 03 00 01 00 00 00 00 20 02 0d b8 00 00 00 00 00 00 00 ff fe 00 11 22",
            "0c 86 00 55 c9 40 00 0f a0 1c 5a 38 17 80 06 07 d0 01 01 11 22 82 06 03 04 40 40 ff ff c0 d0 82 \
             04 20 02 0d b8 8a 04 20 02 40 10 a4 cb 01 e8 a2 f0 02 21 03 a9 e6 b3 cd af db",
        ],
        [
            "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
            "17 fe fd 00 01 00 00 00 00 00 01 00 1d 00 01 00 00 00 00 00 01 09 b2 0e 82 c1 6e b6 96 c5 1f 36 \
             8d 17 61 e2 b5 d4 22 d4 ed 2b",
            "b0 d1 01 1d f2 15 09 b2 0e 82 c1 6e b6 96 c5 1f 36 8d 17 61 e2 b5 d4 22 d4 ed 2b",
        ],
        [
            "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
            "17 fe fd 00 01 00 00 00 00 00 05 00 16 00 01 00 00 00 00 00 05 ae a0 15 56 67 92 4d ff 8a 24 e4 \
             cb 35 b9",
            "b0 c3 03 05 00 16 f2 0e ae a0 15 56 67 92 4d ff 8a 24 e4 cb 35 b9",
        ],
        [
            "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
            "16 fe fd 00 00 00 00 00 00 00 00 00 36 01 00 00 2a 00 00 00 00 00 00 00 2a fe fd 51 52 ed 79 a4 \
             20 c9 62 56 11 47 c9 39 ee 6c c0 a4 fe c6 89 2f 32 26 9a 16 4e 31 7e 9f 20 92 92 00 00 00 02 c0 \
             a8 01 00",
            "a1 cd 87 01 36 a1 cd 01 2a 85 23 2a fe fd 51 52 ed 79 a4 20 c9 62 56 11 47 c9 39 ee 6c c0 a4 fe \
             c6 89 2f 32 26 9a 16 4e 31 7e 9f 20 92 92 81 05 02 c0 a8 01 00",
        ],
    ];

    fn example([addresses, payload, compressed]: [&str; 3]) -> (Dictionary, Vec<u8>, Vec<u8>) {
        let addresses = bytes(addresses);
        let dictionary =
            Dictionary::new(addresses[..16].try_into().unwrap(), addresses[16..].try_into().unwrap());
        (dictionary, bytes(payload), bytes(compressed))
    }

    #[test]
    fn the_examples_of_the_rfc_are_understood_and_beaten() {
        for one in EXAMPLES {
            let (dictionary, payload, compressed) = example(one);
            assert_eq!(unpack(&dictionary, false, &compressed, 200), Ok(payload.clone()));
            let ours = pack(&dictionary, false, &payload);
            assert!(ours.len() <= compressed.len(), "{} over {}", ours.len(), compressed.len());
            assert_eq!(unpack(&dictionary, false, &ours, 200), Ok(payload));
        }
    }

    #[test]
    fn attack_bytecode_that_is_reserved_cut_or_refers_to_nothing() {
        let dictionary = Dictionary::new(&[1; 16], &[2; 16]);
        let refused = |input: &[u8]| unpack(&dictionary, false, input, 2048).unwrap_err();
        for code in (0x60..0x80).chain(0x90..0xa0) {
            assert_eq!(refused(&[code, 0, 0, 0]), Error::Malformed);
        }
        assert_eq!(refused(&[5, 1, 2, 3, 4]), Error::Malformed);
        // The first byte of the dictionary, and one before it.
        assert_eq!(unpack(&dictionary, false, &[0xa5, 0xc6], 100), Ok(vec![1; 2]));
        assert_eq!(refused(&[0xa5, 0xc7]), Error::Malformed);
        assert_eq!(refused(&[0xbf, 0xbf, 0xff]), Error::Malformed);
        // Extensions without end, and a header without its stop code.
        assert_eq!(refused(&[[0xbf; 2000].as_slice(), &[0xc0]].concat()), Error::Malformed);
        assert_eq!(unpack(&dictionary, true, &[1, 7], 100), Err(Error::Malformed));
        assert_eq!(unpack(&dictionary, true, &[1, 7, STOP, 9], 100), Ok(vec![7]));
    }

    /// RFC 7400 section 5: what expands without end stops at the end of the buffer.
    #[test]
    fn attack_decompression_bomb() {
        let dictionary = Dictionary::new(&[1; 16], &[2; 16]);
        assert_eq!(unpack(&dictionary, false, &[0x8f; 200], 1281), Err(Error::TooLarge));
        assert_eq!(unpack(&dictionary, false, &[0x8f; 75], 1281).unwrap().len(), 75 * 17);
        let copies = [[0xbf, 0xff].as_slice(), &[0x8f; 10]].concat();
        assert_eq!(unpack(&dictionary, false, &copies, 1281), Err(Error::Malformed));
    }

    fn data() -> impl Strategy<Value = Vec<u8>> {
        let run = (0usize..40, prop_oneof![Just(0), 0u8..4, any::<u8>()]).prop_map(|(n, byte)| vec![byte; n]);
        let part = prop_oneof![
            run,
            proptest::collection::vec(any::<u8>(), 0..120),
            Just(vec![0xfd, 0, 0, 1, 2, 0xff, 0xfe])
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn whatever_is_compressed_comes_back_and_hardly_grows(data in data(), from: [u8; 16], stops: bool) {
            let dictionary = Dictionary::new(&from, &[0xfd, 0, 0, 1, 2, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
            let packed = pack(&dictionary, stops, &data);
            prop_assert!(packed.len() <= data.len() + data.len() / MAX_LITERALS + 2);
            prop_assert_eq!(unpack(&dictionary, stops, &packed, 2048), Ok(data.clone()));
            // With a byte less room it says so.
            let mut small = vec![0; packed.len() - usize::from(!packed.is_empty())];
            if !packed.is_empty() {
                prop_assert_eq!(compress(&dictionary, stops, &data, &mut Writer::new(&mut small)), Err(Error::TooLarge));
            }
        }

        #[test]
        fn arbitrary_bytecode_never_panics_and_never_exceeds_its_room(input in proptest::collection::vec(any::<u8>(), 0..200), stops: bool, room in 1usize..300) {
            if let Ok(plain) = unpack(&Dictionary::new(&[3; 16], &[0; 16]), stops, &input, room) {
                prop_assert!(plain.len() < room);
            }
        }
    }
}
