//! Which requests the next refresh of a tenant makes. Pure, so that economy
//! and completeness are properties that can be tested.
//!
//! Discovery costs one request: the list of a window that reaches back to the
//! oldest unfinished job, and once an hour over the whole configured window.
//! What no list shows is asked for by id: configured jobs, and unfinished ones
//! that started longer ago than the API lists. A finished job is settled and
//! rests for an hour.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::known::{Entry, Known, Window};
use crate::clock::{after, before};
use crate::config::{self, MAX_WINDOW};
use crate::telemetry::Reason;

/// Time between two lists of the full window, and between two looks at a
/// settled configured job.
pub(super) const RECHECK: Duration = Duration::from_hours(1);

/// Time between two questions for a configured job the API does not know.
pub(super) const UNKNOWN_RECHECK: Duration = Duration::from_mins(10);

/// How far a list reaches behind the one before it, for jobs that appear late.
const OVERLAP: Duration = Duration::from_mins(10);

/// No window is cut into shorter pieces than this.
const SHORTEST_PIECE: Duration = Duration::from_hours(1);

/// The same for a list that only takes too long, which may be the API's day.
const SHORTEST_SLOW_PIECE: Duration = Duration::from_hours(24);

/// How far a list reaches into the future, for clocks that differ a little.
const AHEAD: Duration = Duration::from_mins(1);

/// The window to list next, `None` without discovery. The first list after a
/// start reaches back as far as the API allows if feeds are collected, so
/// that they are known at once.
pub(super) fn window(known: &Known, tenant: &config::Tenant, now: Timestamp) -> Option<Window> {
    let configured = tenant.discovery?;
    let to = after(now, AHEAD);
    let earliest = before(to, MAX_WINDOW);
    let whole = match known.last_full {
        None if tenant.collect.feeds => earliest,
        _ => before(now, configured),
    };
    let due = known
        .last_full
        .is_none_or(|last| elapsed(last, now) >= RECHECK);
    let wanted = known
        .last_list
        .filter(|_| !due)
        .map_or(whole, |last| before(last.to, AHEAD + OVERLAP));
    let oldest_unfinished = known
        .jobs
        .values()
        .filter_map(unfinished_start)
        .filter(|start| *start >= earliest)
        .min();
    // A clock that was set back must not make the window empty.
    let latest = before(to, AHEAD + OVERLAP);
    let from = wanted
        .min(oldest_unfinished.unwrap_or(wanted))
        .clamp(earliest, latest);
    Some(Window {
        from,
        to,
        full: due,
    })
}

/// The windows to list in place of one, none longer than `piece`. They touch
/// but do not overlap.
pub(super) fn pieces(window: Window, piece: Option<Duration>) -> Vec<Window> {
    let piece = piece.unwrap_or(MAX_WINDOW);
    let mut pieces = Vec::new();
    let mut from = window.from;
    while from < window.to {
        let to = after(from, piece).min(window.to);
        pieces.push(Window { from, to, ..window });
        from = to;
    }
    pieces
}

/// How long pieces may be after the list of this window failed; `None` if
/// shorter ones would not help.
pub(super) fn shorter(window: Window, failure: Reason) -> Option<Duration> {
    let shortest = match failure {
        Reason::TooLarge => SHORTEST_PIECE,
        Reason::Timeout => SHORTEST_SLOW_PIECE,
        _ => return None,
    };
    let length = elapsed(window.from, window.to);
    (length > shortest).then(|| (length / 2).max(shortest))
}

/// The last moments: a list of them is as small as an answer can be, and shows
/// whether the API still lets us in.
pub(super) fn moments(now: Timestamp) -> Window {
    Window {
        from: before(now, AHEAD),
        to: now,
        full: false,
    }
}

/// The ids to ask for after the list was answered at `now`, `limit` at most,
/// the longest overdue first: what did not fit has its turn the next time, and
/// many settled jobs cannot hold up an unfinished one for long.
pub(super) fn due(known: &Known, now: Timestamp, limit: usize) -> Vec<Arc<str>> {
    let mut due: Vec<(Timestamp, &Arc<str>)> = known
        .jobs
        .iter()
        .filter_map(|(id, entry)| Some((due_since(entry, now)?, id)))
        .collect();
    due.sort_unstable();
    due.into_iter()
        .take(limit)
        .map(|(_, id)| Arc::clone(id))
        .collect()
}

/// Since when a job is due, if it is: always, if it was never asked for.
fn due_since(entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    let rest = if entry.is_settled() {
        entry.configured.then_some(RECHECK)?
    } else if entry.failure == Some(Reason::NotFound) {
        UNKNOWN_RECHECK
    } else {
        Duration::ZERO
    };
    let Some(asked) = entry.asked_at else {
        return Some(Timestamp::MIN);
    };
    // The list of this refresh has just shown it.
    let fresh = entry.failure.is_none() && asked == now;
    (!fresh && elapsed(asked, now) >= rest).then(|| after(asked, rest))
}

/// The start of a discovered job that a list still has to show.
fn unfinished_start(entry: &Entry) -> Option<Timestamp> {
    let job = entry.job.as_ref()?;
    (!job.is_finished()).then(|| job.started_at()).flatten()
}

/// A negative time, from a clock that was set back, counts as long ago: asking
/// once too often repairs it.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or(Duration::MAX)
}
