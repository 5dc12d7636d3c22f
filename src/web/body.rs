//! Response bodies: bytes that are complete before the first one is sent,
//! shared by all responses that send them and never copied.
//!
//! A body is a single frame of several chunks, so that the head and all chunks
//! leave in one system call if the socket takes that much.

use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::activity::Exchange;
use crate::exposition;

/// The unsent part of some chunks, none of which is empty.
#[derive(Debug)]
pub struct Rest {
    chunks: Arc<[Bytes]>,
    next: usize,
    /// Bytes of the next chunk that were sent.
    sent: usize,
    remaining: usize,
    exchange: Option<Exchange>,
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Rest {
    /// The unsent slices, in order.
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let left = self.chunks.get(self.next..).unwrap_or_default();
        let skips = std::iter::once(self.sent).chain(std::iter::repeat(0));
        left.iter()
            .zip(skips)
            .map(|(chunk, skip)| chunk.get(skip..).unwrap_or_default())
    }
}

impl Buf for Rest {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.slices().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let pairs = into.iter_mut().zip(self.slices());
        pairs
            .map(|(into, slice)| *into = IoSlice::new(slice))
            .count()
    }

    fn advance(&mut self, count: usize) {
        if let Some(exchange) = &self.exchange {
            exchange.progress();
        }
        self.remaining = self.remaining.saturating_sub(count);
        self.sent = self.sent.saturating_add(count);
        while let Some(chunk) = self.chunks.get(self.next)
            && self.sent >= chunk.len()
        {
            self.sent -= chunk.len();
            self.next += 1;
        }
    }
}

/// A response body.
#[derive(Debug)]
pub struct Body {
    chunks: Arc<[Bytes]>,
    /// All bytes until they are handed to hyper, then 0.
    remaining: usize,
    exchange: Option<Exchange>,
    /// Given back when the last body with these bytes is dropped.
    permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::from(String::new())
    }

    /// Keeps the permit as long as the bytes are in memory.
    pub(super) fn holding(mut self, permit: Arc<OwnedSemaphorePermit>) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Another body of the same bytes.
    pub(super) fn share(&self) -> Self {
        Self {
            chunks: Arc::clone(&self.chunks),
            remaining: self.remaining,
            exchange: None,
            permit: self.permit.clone(),
        }
    }

    /// Keeps the exchange open until the last byte is sent: hyper holds the data
    /// it was given, and advances it as the socket takes bytes.
    pub(super) fn during(mut self, mut exchange: Exchange) -> Self {
        exchange.ready();
        self.exchange = Some(exchange);
        self
    }
}

impl From<exposition::Body> for Body {
    fn from(body: exposition::Body) -> Self {
        Self {
            remaining: body.length(),
            chunks: body.chunks,
            exchange: None,
            permit: None,
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self {
            remaining: text.len(),
            chunks: [Bytes::from(text)].into(),
            exchange: None,
            permit: None,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Rest;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Rest>, Infallible>>> {
        let remaining = std::mem::take(&mut self.remaining);
        if remaining == 0 {
            return Poll::Ready(None);
        }
        let rest = Rest {
            chunks: Arc::clone(&self.chunks),
            next: 0,
            sent: 0,
            remaining,
            exchange: self.exchange.take(),
            _permit: self.permit.take(),
        };
        Poll::Ready(Some(Ok(Frame::data(rest))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rest(pieces: &[Vec<u8>]) -> Rest {
        let pieces = pieces.iter().cloned().map(Bytes::from).collect();
        let body = exposition::Body::new(pieces);
        let mut body = std::pin::pin!(Body::from(body));
        let mut context = Context::from_waker(std::task::Waker::noop());
        match hyper::body::Body::poll_frame(body.as_mut(), &mut context) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap(),
            _ => panic!("a body with bytes has a frame"),
        }
    }

    proptest! {
        #[test]
        fn chunks_are_sent_completely_and_in_order_by_writes_of_any_length(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9),
            writes in proptest::collection::vec(1_usize..12, 1..9),
        ) {
            let whole = pieces.concat();
            prop_assume!(!whole.is_empty());
            let mut rest = rest(&pieces);
            let mut sent = Vec::new();
            for write in writes.iter().cycle() {
                prop_assert_eq!(rest.remaining(), whole.len() - sent.len());
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = rest.chunks_vectored(&mut slices);
                let offered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                prop_assert!(offered.starts_with(rest.chunk()));
                prop_assert_eq!(rest.chunk().is_empty(), sent.len() == whole.len());
                if offered.is_empty() {
                    break;
                }
                let taken = (*write).min(offered.len());
                sent.extend_from_slice(&offered[..taken]);
                rest.advance(taken);
            }
            prop_assert_eq!(sent, whole);
        }
    }
}
