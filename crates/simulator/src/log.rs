//! What was asked of the simulator, so that tests can count it.

use std::collections::VecDeque;

use jiff::Timestamp;

/// Older entries are dropped beyond this many.
const CAPACITY: usize = 200_000;

/// What a request asks for. Nothing else is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// `POST /api/v0/oauth2/token`.
    Token,
    /// `GET /api/ingest/jobs/{id}`.
    IngestJob,
    /// `GET /api/ingest/jobs`.
    IngestJobs,
}

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it arrived, by the simulator's clock.
    pub at: Timestamp,
    /// The tenant header as sent; empty without one.
    pub tenant: Box<str>,
    /// What it asked for; `None` for a path that does not exist.
    pub endpoint: Option<Endpoint>,
    /// The method.
    pub method: hyper::Method,
    /// Path and query as sent, at most 300 bytes of them.
    pub target: Box<str>,
    /// The status; `None` if the fault was to give no answer.
    pub status: Option<u16>,
    /// Bytes of the answer's body as sent, compressed or cut short.
    pub bytes: usize,
}

/// The requests so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) entries: VecDeque<Entry>,
}

impl Log {
    pub(super) fn add(&mut self, entry: Entry) {
        if self.entries.len() >= CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}
