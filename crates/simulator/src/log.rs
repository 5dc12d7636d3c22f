//! A log of requests, for tests.

use std::collections::VecDeque;

use jiff::Timestamp;

/// The number of entries kept; the oldest are dropped.
const CAPACITY: usize = 200_000;

/// The endpoints of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// `POST /api/v0/oauth2/token`.
    Token,
    /// `GET /api/ingest/jobs/{id}`.
    IngestJob,
    /// `GET /api/ingest/jobs`.
    IngestJobs,
    /// `GET /api/workflow/runs/{id}`.
    WorkflowRun,
    /// `GET /api/workflow/runs`.
    WorkflowRuns,
}

/// One request and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it arrived, by the simulator's clock.
    pub at: Timestamp,
    /// The tenant header as sent; empty without one.
    pub tenant: Box<str>,
    /// `None` for a path that does not exist.
    pub endpoint: Option<Endpoint>,
    /// The method.
    pub method: hyper::Method,
    /// Path and query as sent, at most 300 characters.
    pub target: Box<str>,
    /// The status; `None` if a fault prevented a response.
    pub status: Option<u16>,
    /// Bytes of the body as sent.
    pub bytes: usize,
}

/// The latest requests.
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
