//! Response bodies: bytes that are ready before the first one is sent, shared
//! by every response that sends them, never copied.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, SizeHint};

use super::activity::Exchange;

/// Up to this size, pieces are joined when the body is made, so that head and
/// body leave in one system call; every scrape that shares the body gains. A
/// larger one is not worth a second copy in memory.
const JOIN_BYTES: usize = 1 << 20;

/// The pieces of a body, shared by all responses made from them.
#[derive(Clone, Debug)]
pub struct Pieces {
    pieces: Arc<[Bytes]>,
    length: u64,
}

impl Pieces {
    /// Bytes to send one after the other.
    #[must_use]
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let length: usize = pieces.iter().map(Bytes::len).sum();
        let pieces = if pieces.len() > 1 && length <= JOIN_BYTES {
            let mut joined = BytesMut::with_capacity(length);
            for piece in &pieces {
                joined.extend_from_slice(piece);
            }
            vec![joined.freeze()]
        } else {
            pieces
        };
        Self {
            pieces: pieces.into(),
            length: length as u64,
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// A response body.
#[derive(Debug)]
pub struct Body {
    pieces: Arc<[Bytes]>,
    next: usize,
    remaining: u64,
    exchange: Option<Exchange>,
}

impl Body {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::from(Pieces::new(Vec::new()))
    }

    /// Holds the exchange open until the last byte was handed on.
    pub(super) fn during(mut self, exchange: Exchange) -> Self {
        self.exchange = Some(exchange);
        self
    }
}

impl From<Pieces> for Body {
    fn from(pieces: Pieces) -> Self {
        Self {
            pieces: pieces.pieces,
            next: 0,
            remaining: pieces.length,
            exchange: None,
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Pieces::new(vec![Bytes::from(text)]))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(piece) = self.pieces.get(self.next).cloned() else {
            return Poll::Ready(None);
        };
        self.next += 1;
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
