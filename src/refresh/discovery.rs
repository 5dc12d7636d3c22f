//! How far the discovery of jobs has got: what was listed, what is still to be
//! listed, and how long a window one request may list. Pure.
//!
//! A window whose list is too large or takes too long is listed in pieces, the
//! newest first. What one refresh has no time for stays in the backlog for the
//! next one. After a series of successes the pieces get longer again.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::before;
use crate::config::MAX_WINDOW;
use crate::telemetry::Reason;

/// No piece gets shorter than this.
const SHORTEST_PIECE: Duration = Duration::from_hours(1);

/// The same for a list that only takes too long: shorter ones may take as long.
const SHORTEST_SLOW_PIECE: Duration = Duration::from_hours(24);

/// Pieces that have to succeed before they get longer.
const SUCCESSES: u32 = 4;

/// The same where longer pieces have failed again and again.
const MAX_SUCCESSES: u32 = 64;

/// A window to list: from (inclusive) to (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Whether it covers all of the configured window.
    pub(super) full: bool,
}

impl Window {
    pub(super) fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }

    fn length(&self) -> Duration {
        let length = self.to.duration_since(self.from);
        Duration::try_from(length).unwrap_or_default()
    }
}

/// The progress of one tenant's discovery.
#[derive(Clone, Debug, Default)]
pub(super) struct Discovery {
    /// The end of the newest window that was listed.
    pub(super) listed_to: Option<Timestamp>,
    /// When the last full window was listed completely.
    pub(super) last_full: Option<Timestamp>,
    /// Windows that are still to be listed, oldest first; no two overlap.
    backlog: Vec<Window>,
    /// The end of the window that was added last.
    newest: Option<Timestamp>,
    /// Whether listing them completes a full window.
    completes_full: bool,
    piece: PieceLength,
}

impl Discovery {
    /// A discovery whose first pieces are no longer than this.
    pub(super) fn in_pieces(longest: Duration) -> Self {
        Self {
            piece: PieceLength {
                longest: Some(longest),
                ..PieceLength::default()
            },
            ..Self::default()
        }
    }

    /// Adds a window to what is to be listed. It takes the place of what of
    /// the backlog it covers.
    pub(super) fn add(&mut self, window: Window) {
        self.backlog.retain(|older| older.from < window.from);
        for older in &mut self.backlog {
            older.to = older.to.min(window.from);
        }
        self.backlog.push(window);
        self.newest = Some(window.to);
        self.completes_full |= window.full;
    }

    /// Takes the newest piece that is to be listed, `None` if there is none.
    pub(super) fn next(&mut self) -> Option<Window> {
        let window = self.backlog.pop()?;
        let length = self.piece.longest.unwrap_or(MAX_WINDOW);
        let from = before(window.to, length).max(window.from);
        if from > window.from {
            self.backlog.push(Window { to: from, ..window });
        }
        Some(Window { from, ..window })
    }

    /// Notes that a piece was listed at `now`.
    pub(super) fn listed(&mut self, piece: Window, now: Timestamp) {
        if self.newest == Some(piece.to) {
            self.listed_to = self.newest;
        }
        self.piece.succeeded(piece);
        if self.backlog.is_empty() && self.completes_full {
            self.last_full = Some(now);
            self.completes_full = false;
        }
    }

    /// Notes that a piece could not be listed; it stays in the backlog. Returns
    /// the length of the pieces from now on, if shorter ones may succeed.
    pub(super) fn failed(&mut self, piece: Window, reason: Reason) -> Option<Duration> {
        self.put_back(piece);
        self.piece.shorten(piece, reason)
    }

    /// Returns a piece that was not listed for want of time.
    pub(super) fn put_back(&mut self, piece: Window) {
        match self.backlog.last_mut() {
            Some(older) if older.to == piece.from => older.to = piece.to,
            _ => self.backlog.push(piece),
        }
    }

    /// Whether all that had to be listed was.
    pub(super) fn is_complete(&self) -> bool {
        self.backlog.is_empty()
    }

    /// The length of the pieces; `None` while a list has no limit but the API's.
    pub(super) fn piece_length(&self) -> Option<Duration> {
        self.piece.longest
    }
}

/// The longest window to list with one request.
#[derive(Clone, Copy, Debug)]
struct PieceLength {
    longest: Option<Duration>,
    successes: u32,
    /// Successes before the pieces get longer.
    needed: u32,
    /// Whether the pieces got longer since the last failure.
    grown: bool,
}

impl Default for PieceLength {
    fn default() -> Self {
        Self {
            longest: None,
            successes: 0,
            needed: SUCCESSES,
            grown: false,
        }
    }
}

impl PieceLength {
    fn shorten(&mut self, piece: Window, reason: Reason) -> Option<Duration> {
        let shortest = match reason {
            Reason::TooLarge => SHORTEST_PIECE,
            Reason::Timeout => SHORTEST_SLOW_PIECE,
            _ => return None,
        };
        let length = piece.length();
        if length <= shortest {
            return None;
        }
        if std::mem::take(&mut self.grown) {
            // The length before the last growth was the right one.
            self.needed = self.needed.saturating_mul(2).min(MAX_SUCCESSES);
        }
        self.successes = 0;
        self.longest = Some((length / 2).max(shortest));
        self.longest
    }

    /// Shorter pieces than the longest allowed say nothing about longer ones.
    fn succeeded(&mut self, piece: Window) {
        let Some(longest) = self.longest.filter(|longest| piece.length() >= *longest) else {
            return;
        };
        self.successes += 1;
        if self.successes < self.needed {
            return;
        }
        self.successes = 0;
        if std::mem::replace(&mut self.grown, true) {
            self.needed = SUCCESSES;
        }
        self.longest = Some(longest * 2).filter(|longer| *longer < MAX_WINDOW);
    }
}
