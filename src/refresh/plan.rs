//! Which requests the next refresh of a tenant makes. Pure, so that economy
//! and completeness are properties that can be tested.
//!
//! Discovery takes one request: a list that reaches back to the oldest job that
//! is unfinished, or failed lately and may be retried, and once an hour over the
//! whole configured window. Jobs that no list shows are requested by id:
//! configured ones, and unfinished ones that started before the list. A finished
//! job is not requested for an hour.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::discovery::{Discovery, Window};
use super::known_jobs::{Entry, KnownJobs};
use crate::clock::{after, before};
use crate::config::{self, MAX_WINDOW};
use crate::telemetry::Reason;

/// Time between two lists of the full window, and between two requests for a
/// finished configured job.
pub(super) const RECHECK: Duration = Duration::from_hours(1);

/// Time between two requests for a configured job the API does not know.
pub(super) const UNKNOWN_RECHECK: Duration = Duration::from_mins(10);

/// The same for one that did not succeed and may be retried.
const RETRY_RECHECK: Duration = Duration::from_mins(5);

/// How far a list overlaps the one before it, for jobs that appear late.
const OVERLAP: Duration = Duration::from_mins(10);

/// How far a list reaches into the future, for clocks that differ a little.
const AHEAD: Duration = Duration::from_mins(1);

/// The window to list next, `None` without discovery. If feeds are collected,
/// the first list after a start reaches back as far as the API allows, so that
/// all feeds are known at once.
pub(super) fn window(
    known: &KnownJobs,
    discovery: &Discovery,
    tenant: &config::Tenant,
    now: Timestamp,
) -> Option<Window> {
    let configured = tenant.discovery?;
    let to = after(now, AHEAD);
    let earliest = before(to, MAX_WINDOW);
    let whole = match discovery.last_full {
        None if tenant.collect.feeds => earliest,
        _ => before(now, configured),
    };
    // A full window that is being listed in pieces is not begun again.
    let never = discovery.listed_to.is_none();
    let due = |last| elapsed(last, now) >= RECHECK;
    let full = never || discovery.is_complete() && discovery.last_full.is_none_or(due);
    let wanted = match discovery.listed_to {
        Some(listed_to) if !full => before(listed_to, AHEAD + OVERLAP),
        _ => whole,
    };
    // Where lists have to be short, older unfinished jobs are requested by id.
    let reach = discovery.piece_length().unwrap_or(MAX_WINDOW);
    let oldest_open = known
        .oldest_open(before(to, reach).max(earliest), now)
        .unwrap_or(wanted);
    // A clock that was set back must not make the window empty.
    let latest = before(to, AHEAD + OVERLAP);
    let from = wanted.min(oldest_open).clamp(earliest, latest);
    Some(Window { from, to, full })
}

/// The last minute: its list is as small as an answer can be, and shows
/// whether the API still accepts the credentials.
pub(super) fn last_minute(now: Timestamp) -> Window {
    Window {
        from: before(now, AHEAD),
        to: now,
        full: false,
    }
}

/// The ids to request after the list was answered at `now`, `limit` at most,
/// the longest overdue first: what does not fit is requested the next time.
/// One that did not fail the last time goes before all others, so that jobs
/// which always fail do not look like an API that is down.
pub(super) fn due(known: &KnownJobs, now: Timestamp, limit: usize) -> Vec<Arc<str>> {
    let mut due: Vec<(Timestamp, &Arc<str>, bool)> = known
        .entries()
        .filter_map(|(id, entry)| Some((due_since(entry, now)?, id, entry.failure.is_some())))
        .collect();
    due.sort_unstable();
    if let Some(good) = due.iter().position(|(_, _, failing)| !failing) {
        due[..=good].rotate_right(1);
    }
    due.into_iter()
        .take(limit)
        .map(|(_, id, _)| Arc::clone(id))
        .collect()
}

/// Since when a job is due, if it is. One that was never requested always is.
fn due_since(entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    let rest = if entry.is_settled() {
        let retried = entry.may_be_retried(now);
        let rest = if retried { RETRY_RECHECK } else { RECHECK };
        entry.configured.then_some(rest)?
    } else if entry.failure == Some(Reason::NotFound) {
        UNKNOWN_RECHECK
    } else {
        Duration::ZERO
    };
    let Some(requested) = entry.requested_at else {
        return Some(Timestamp::MIN);
    };
    // The list of this refresh has just shown it.
    let fresh = entry.failure.is_none() && requested == now;
    (!fresh && elapsed(requested, now) >= rest).then(|| after(requested, rest))
}

/// A negative time, from a clock that was set back, counts as a long one: one
/// request too many repairs it.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or(Duration::MAX)
}
