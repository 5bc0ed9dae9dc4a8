// SPDX-License-Identifier: MIT OR Apache-2.0
//! Method and response codes (RFC 7252 §12.1 and its registry).
#![forbid(unsafe_code)]

/// A code: three bits of class, five bits of detail, written `c.dd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u8);

#[allow(missing_docs)] // The names are those of the registry, and say all there is to say.
impl Code {
    pub const EMPTY: Code = Code(0);
    pub const GET: Code = Code(1);
    pub const POST: Code = Code(2);
    pub const PUT: Code = Code(3);
    pub const DELETE: Code = Code(4);
    pub const FETCH: Code = Code(5);
    pub const PATCH: Code = Code(6);
    pub const IPATCH: Code = Code(7);
    pub const CREATED: Code = Code::new(2, 1);
    pub const DELETED: Code = Code::new(2, 2);
    pub const VALID: Code = Code::new(2, 3);
    pub const CHANGED: Code = Code::new(2, 4);
    pub const CONTENT: Code = Code::new(2, 5);
    pub const CONTINUE: Code = Code::new(2, 31);
    pub const BAD_REQUEST: Code = Code::new(4, 0);
    pub const UNAUTHORIZED: Code = Code::new(4, 1);
    pub const BAD_OPTION: Code = Code::new(4, 2);
    pub const FORBIDDEN: Code = Code::new(4, 3);
    pub const NOT_FOUND: Code = Code::new(4, 4);
    pub const METHOD_NOT_ALLOWED: Code = Code::new(4, 5);
    pub const NOT_ACCEPTABLE: Code = Code::new(4, 6);
    pub const REQUEST_ENTITY_INCOMPLETE: Code = Code::new(4, 8);
    pub const CONFLICT: Code = Code::new(4, 9);
    pub const PRECONDITION_FAILED: Code = Code::new(4, 12);
    pub const REQUEST_ENTITY_TOO_LARGE: Code = Code::new(4, 13);
    pub const UNSUPPORTED_CONTENT_FORMAT: Code = Code::new(4, 15);
    pub const UNPROCESSABLE_ENTITY: Code = Code::new(4, 22);
    pub const TOO_MANY_REQUESTS: Code = Code::new(4, 29);
    pub const INTERNAL_SERVER_ERROR: Code = Code::new(5, 0);
    pub const NOT_IMPLEMENTED: Code = Code::new(5, 1);
    pub const BAD_GATEWAY: Code = Code::new(5, 2);
    pub const SERVICE_UNAVAILABLE: Code = Code::new(5, 3);
    pub const GATEWAY_TIMEOUT: Code = Code::new(5, 4);
    pub const PROXYING_NOT_SUPPORTED: Code = Code::new(5, 5);
    pub const HOP_LIMIT_REACHED: Code = Code::new(5, 8);
}

impl Code {
    /// The code `class.detail`; bits beyond three and five are dropped.
    pub const fn new(class: u8, detail: u8) -> Code {
        Code((class & 7) << 5 | detail & 0x1f)
    }

    /// The digit before the point.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The two digits after the point.
    pub const fn detail(self) -> u8 {
        self.0 & 0x1f
    }

    /// Whether this is a method code, known or not.
    pub const fn is_request(self) -> bool {
        self.class() == 0 && self.0 != 0
    }

    /// Whether this is a response code, known or not.
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2 | 4 | 5)
    }

    /// Whether the response says that the request succeeded.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether this method changes nothing at the server (RFC 7252 §5.8, RFC 8132 §2).
    pub const fn is_safe(self) -> bool {
        matches!(self, Code::GET | Code::FETCH)
    }

    /// Whether doing it twice is as good as once (RFC 7252 §5.8, RFC 8132).
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Code::GET | Code::FETCH | Code::PUT | Code::DELETE | Code::IPATCH)
    }
}
