//! The forms of a page that clients requested lately.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Encoding, Format};

/// Samples are not written in advance in a form that was not requested for this
/// long. Longer than usual scrape intervals.
const RECENT: Duration = Duration::from_mins(10);

/// When each form was last requested. Cloning gives the same one, shared by
/// all pages that follow each other.
#[derive(Clone, Debug, Default)]
pub(super) struct RecentForms(Arc<Mutex<Vec<Request>>>);

#[derive(Clone, Copy, Debug)]
struct Request {
    format: Format,
    encoding: Encoding,
    at: Instant,
}

impl RecentForms {
    pub(super) fn note(&self, format: Format, encoding: Encoding) {
        let at = Instant::now();
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |request: &&mut Request| (request.format, request.encoding) == (format, encoding);
        match requests.iter_mut().find(is_same) {
            Some(request) => request.at = at,
            None => requests.push(Request {
                format,
                encoding,
                at,
            }),
        }
    }

    pub(super) fn list(&self) -> Vec<(Format, Encoding)> {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = requests
            .iter()
            .filter(|request| request.at.elapsed() < RECENT);
        recent
            .map(|request| (request.format, request.encoding))
            .collect()
    }
}
