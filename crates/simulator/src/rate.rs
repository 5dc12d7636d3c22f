//! The rate limit: so many requests of a tenant in any one second, a sliding
//! one. A refused request does not count, so waiting always helps.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

/// When each tenant's latest requests were let through.
#[derive(Debug, Default)]
pub(super) struct Rate {
    passed: HashMap<Arc<str>, VecDeque<i64>>,
}

impl Rate {
    /// Whether one more request may pass now.
    pub(super) fn passes(&mut self, tenant: &Arc<str>, limit: usize, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        let passed = self.passed.entry(Arc::clone(tenant)).or_default();
        while passed.front().is_some_and(|time| now - time >= 1000) {
            passed.pop_front();
        }
        let free = passed.len() < limit;
        if free {
            passed.push_back(now);
        }
        free
    }
}
