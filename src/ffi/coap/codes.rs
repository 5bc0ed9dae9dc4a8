// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of the registries: methods, response codes, options, content formats.
#![forbid(unsafe_code)]

/// Method GET (RFC 7252 §5.8.1).
pub const MOTE_COAP_GET: u8 = 1;
/// Method POST.
pub const MOTE_COAP_POST: u8 = 2;
/// Method PUT.
pub const MOTE_COAP_PUT: u8 = 3;
/// Method DELETE.
pub const MOTE_COAP_DELETE: u8 = 4;
/// Method FETCH (RFC 8132 §2).
pub const MOTE_COAP_FETCH: u8 = 5;
/// Method PATCH (RFC 8132 §3).
pub const MOTE_COAP_PATCH: u8 = 6;
/// Method iPATCH (RFC 8132 §3).
pub const MOTE_COAP_IPATCH: u8 = 7;

/// 2.01 Created. A code's class is its upper three bits, its detail the lower five.
pub const MOTE_COAP_CREATED: u8 = 65;
/// 2.02 Deleted.
pub const MOTE_COAP_DELETED: u8 = 66;
/// 2.03 Valid.
pub const MOTE_COAP_VALID: u8 = 67;
/// 2.04 Changed.
pub const MOTE_COAP_CHANGED: u8 = 68;
/// 2.05 Content.
pub const MOTE_COAP_CONTENT: u8 = 69;
/// 2.31 Continue (RFC 7959 §2.9.1).
pub const MOTE_COAP_CONTINUE: u8 = 95;
/// 4.00 Bad Request.
pub const MOTE_COAP_BAD_REQUEST: u8 = 128;
/// 4.01 Unauthorized.
pub const MOTE_COAP_UNAUTHORIZED: u8 = 129;
/// 4.02 Bad Option.
pub const MOTE_COAP_BAD_OPTION: u8 = 130;
/// 4.03 Forbidden.
pub const MOTE_COAP_FORBIDDEN: u8 = 131;
/// 4.04 Not Found.
pub const MOTE_COAP_NOT_FOUND: u8 = 132;
/// 4.05 Method Not Allowed.
pub const MOTE_COAP_METHOD_NOT_ALLOWED: u8 = 133;
/// 4.06 Not Acceptable.
pub const MOTE_COAP_NOT_ACCEPTABLE: u8 = 134;
/// 4.08 Request Entity Incomplete (RFC 7959 §2.9.2).
pub const MOTE_COAP_REQUEST_ENTITY_INCOMPLETE: u8 = 136;
/// 4.09 Conflict (RFC 8132 §6).
pub const MOTE_COAP_CONFLICT: u8 = 137;
/// 4.12 Precondition Failed.
pub const MOTE_COAP_PRECONDITION_FAILED: u8 = 140;
/// 4.13 Request Entity Too Large.
pub const MOTE_COAP_REQUEST_ENTITY_TOO_LARGE: u8 = 141;
/// 4.15 Unsupported Content-Format.
pub const MOTE_COAP_UNSUPPORTED_CONTENT_FORMAT: u8 = 143;
/// 4.22 Unprocessable Entity (RFC 8132 §6).
pub const MOTE_COAP_UNPROCESSABLE_ENTITY: u8 = 150;
/// 4.29 Too Many Requests (RFC 8516).
pub const MOTE_COAP_TOO_MANY_REQUESTS: u8 = 157;
/// 5.00 Internal Server Error.
pub const MOTE_COAP_INTERNAL_SERVER_ERROR: u8 = 160;
/// 5.01 Not Implemented.
pub const MOTE_COAP_NOT_IMPLEMENTED: u8 = 161;
/// 5.02 Bad Gateway.
pub const MOTE_COAP_BAD_GATEWAY: u8 = 162;
/// 5.03 Service Unavailable.
pub const MOTE_COAP_SERVICE_UNAVAILABLE: u8 = 163;
/// 5.04 Gateway Timeout.
pub const MOTE_COAP_GATEWAY_TIMEOUT: u8 = 164;
/// 5.05 Proxying Not Supported.
pub const MOTE_COAP_PROXYING_NOT_SUPPORTED: u8 = 165;
/// 5.08 Hop Limit Reached (RFC 8768 §3).
pub const MOTE_COAP_HOP_LIMIT_REACHED: u8 = 168;

/// Option If-Match (RFC 7252 §5.10.8.1).
pub const MOTE_COAP_IF_MATCH: u16 = 1;
/// Option Uri-Host.
pub const MOTE_COAP_URI_HOST: u16 = 3;
/// Option ETag.
pub const MOTE_COAP_ETAG: u16 = 4;
/// Option If-None-Match.
pub const MOTE_COAP_IF_NONE_MATCH: u16 = 5;
/// Option Observe (RFC 7641 §2).
pub const MOTE_COAP_OBSERVE: u16 = 6;
/// Option Uri-Port.
pub const MOTE_COAP_URI_PORT: u16 = 7;
/// Option Location-Path.
pub const MOTE_COAP_LOCATION_PATH: u16 = 8;
/// Option Uri-Path.
pub const MOTE_COAP_URI_PATH: u16 = 11;
/// Option Content-Format.
pub const MOTE_COAP_CONTENT_FORMAT: u16 = 12;
/// Option Max-Age, in seconds.
pub const MOTE_COAP_MAX_AGE: u16 = 14;
/// Option Uri-Query.
pub const MOTE_COAP_URI_QUERY: u16 = 15;
/// Option Hop-Limit (RFC 8768 §3).
pub const MOTE_COAP_HOP_LIMIT: u16 = 16;
/// Option Accept.
pub const MOTE_COAP_ACCEPT: u16 = 17;
/// Option Location-Query.
pub const MOTE_COAP_LOCATION_QUERY: u16 = 20;
/// Option Block2 (RFC 7959 §2.1).
pub const MOTE_COAP_BLOCK2: u16 = 23;
/// Option Block1 (RFC 7959 §2.1).
pub const MOTE_COAP_BLOCK1: u16 = 27;
/// Option Size2 (RFC 7959 §4).
pub const MOTE_COAP_SIZE2: u16 = 28;
/// Option Proxy-Uri.
pub const MOTE_COAP_PROXY_URI: u16 = 35;
/// Option Proxy-Scheme.
pub const MOTE_COAP_PROXY_SCHEME: u16 = 39;
/// Option Size1.
pub const MOTE_COAP_SIZE1: u16 = 60;
/// Option Echo (RFC 9175 §2.2.1).
pub const MOTE_COAP_ECHO: u16 = 252;
/// Option No-Response (RFC 7967 §2).
pub const MOTE_COAP_NO_RESPONSE: u16 = 258;
/// Option Request-Tag (RFC 9175 §3.2.1).
pub const MOTE_COAP_REQUEST_TAG: u16 = 292;

/// Content format text/plain; charset=utf-8.
pub const MOTE_COAP_TEXT: u16 = 0;
/// Content format application/link-format.
pub const MOTE_COAP_LINK_FORMAT: u16 = 40;
/// Content format application/xml.
pub const MOTE_COAP_XML: u16 = 41;
/// Content format application/octet-stream.
pub const MOTE_COAP_OCTET_STREAM: u16 = 42;
/// Content format application/json.
pub const MOTE_COAP_JSON: u16 = 50;
/// Content format application/cbor.
pub const MOTE_COAP_CBOR: u16 = 60;
/// Content format application/concise-problem-details+cbor (RFC 9290).
pub const MOTE_COAP_PROBLEM_DETAILS: u16 = 257;

/// Message type: confirmable (RFC 7252 §4.2).
pub const MOTE_COAP_CON: u8 = 0;
/// Message type: non-confirmable (RFC 7252 §4.3).
pub const MOTE_COAP_NON: u8 = 1;
/// Message type: acknowledgement.
pub const MOTE_COAP_ACK: u8 = 2;
/// Message type: reset.
pub const MOTE_COAP_RST: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::wire::{Type, number};

    #[test]
    fn numbers_are_those_of_the_engine() {
        assert_eq!(MOTE_COAP_CONTENT, 2 << 5 | 5);
        assert_eq!(MOTE_COAP_HOP_LIMIT_REACHED, 5 << 5 | 8);
        assert_eq!(MOTE_COAP_TOO_MANY_REQUESTS, 4 << 5 | 29);
        assert_eq!(MOTE_COAP_CONTINUE, 2 << 5 | 31);
        for (c, rust) in [
            (MOTE_COAP_IF_MATCH, number::IF_MATCH),
            (MOTE_COAP_URI_HOST, number::URI_HOST),
            (MOTE_COAP_ETAG, number::ETAG),
            (MOTE_COAP_IF_NONE_MATCH, number::IF_NONE_MATCH),
            (MOTE_COAP_OBSERVE, number::OBSERVE),
            (MOTE_COAP_URI_PORT, number::URI_PORT),
            (MOTE_COAP_LOCATION_PATH, number::LOCATION_PATH),
            (MOTE_COAP_URI_PATH, number::URI_PATH),
            (MOTE_COAP_CONTENT_FORMAT, number::CONTENT_FORMAT),
            (MOTE_COAP_MAX_AGE, number::MAX_AGE),
            (MOTE_COAP_URI_QUERY, number::URI_QUERY),
            (MOTE_COAP_HOP_LIMIT, number::HOP_LIMIT),
            (MOTE_COAP_ACCEPT, number::ACCEPT),
            (MOTE_COAP_LOCATION_QUERY, number::LOCATION_QUERY),
            (MOTE_COAP_BLOCK2, number::BLOCK2),
            (MOTE_COAP_BLOCK1, number::BLOCK1),
            (MOTE_COAP_SIZE2, number::SIZE2),
            (MOTE_COAP_PROXY_URI, number::PROXY_URI),
            (MOTE_COAP_PROXY_SCHEME, number::PROXY_SCHEME),
            (MOTE_COAP_SIZE1, number::SIZE1),
            (MOTE_COAP_ECHO, number::ECHO),
            (MOTE_COAP_NO_RESPONSE, number::NO_RESPONSE),
            (MOTE_COAP_REQUEST_TAG, number::REQUEST_TAG),
        ] {
            assert_eq!(c, rust);
        }
        assert_eq!(MOTE_COAP_PROBLEM_DETAILS, crate::coap::problem::CONTENT_FORMAT);
        let types = [MOTE_COAP_CON, MOTE_COAP_NON, MOTE_COAP_ACK, MOTE_COAP_RST];
        assert_eq!(types.map(Type::from_bits), [Type::Con, Type::Non, Type::Ack, Type::Rst]);
    }
}
