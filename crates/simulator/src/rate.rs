//! The rate limit of a tenant: a number of requests within a sliding second.
//! Refused requests do not count.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

/// When each tenant's latest requests were allowed, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    allowed: HashMap<Arc<str>, VecDeque<i64>>,
}

impl RateLimiter {
    /// Whether one more request is allowed now.
    pub(super) fn allow(&mut self, tenant: &Arc<str>, limit: usize, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        let allowed = self.allowed.entry(Arc::clone(tenant)).or_default();
        while allowed.front().is_some_and(|time| now - time >= 1000) {
            allowed.pop_front();
        }
        let free = allowed.len() < limit;
        if free {
            allowed.push_back(now);
        }
        free
    }
}
