//! Feeds that run at intervals, such as every 15 minutes or every hour, all day
//! or in business hours.
//!
//! The interval is the middle one of the gaps between starts, if most gaps are
//! like it. Longer gaps are either pauses, which recur at the same time of the
//! week, or outages, which do not. When a feed is active is therefore decided
//! per quarter of an hour of the week, by the majority of the last four weeks, and
//! where these do not tell, by the same time of all days.
//! The next run should start an interval after the last one, or when the next
//! pause is over. It is due after its usual duration and a slack, also if a pause
//! has begun by then: the last run before a night is due in the evening.

use super::day_rule::DAY;
use super::statistics::{count, deviation, largest, median, share, whole};
use super::{Past, Span, gaps};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const WEEK: i64 = 7 * DAY;

/// The resolution of the week.
const BIN: i64 = 15 * MINUTE;
const BINS_A_DAY: usize = 96;
const BINS: usize = 7 * BINS_A_DAY;
/// The weeks that decide when the feed is active.
const WEEKS: i64 = 4;

/// Of a feed known for less than this it is not known when pauses begin, nor those
/// of more than a day.
const NEW: i64 = 2 * DAY;

/// Gaps that usually differ by more than this share of the interval may be like it by
/// chance, so that more of them must be.
const EXACT: f64 = 0.25;
/// However regular a feed is, it is not late before this slack: its interval,
/// between these bounds. Less is over before anybody acts on it.
const LEAST_SLACK: i64 = 50 * MINUTE;
const MOST_LEAST_SLACK: i64 = 70 * MINUTE;
/// A longer interval is not one: the feed runs at times of the day.
const MOST_INTERVAL: i64 = 13 * HOUR;

/// A feed that runs at intervals while it is active.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Interval {
    /// From start to start, in seconds.
    pub(super) period: i64,
    /// From the start of a run to the end of its success, in seconds.
    pub(super) end: i64,
    /// How much later it may start, in seconds.
    pub(super) slack: i64,
    /// Which quarters of an hour of the week it is active in.
    active: Week,
    /// For how long it has been known, in seconds.
    known_for: i64,
    /// The share of gaps that are like the interval.
    pub(super) regular: f64,
    /// The number of gaps.
    pub(super) gaps: usize,
}

/// A bit for each quarter of an hour of the week, from Thursday, as 1970 began.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Week([u64; BINS / 64 + 1]);

/// The interval of a feed, by the past runs in the order of their starts.
pub(super) fn learn(runs: &[Past], unseen: &[Span]) -> Option<Interval> {
    let (first, last) = (runs.first()?.start, runs.last()?.start);
    let gaps = gaps(runs);
    let period = median(gaps.clone()).filter(|period| *period >= 30.0)?;
    let like = |gap: &&f64| (0.6 * period..=1.4 * period).contains(*gap);
    let regular = share(gaps.iter().filter(like).count(), gaps.len());
    let is_exact = deviation(&gaps, period) <= EXACT * period;
    let (least_runs, least_regular) = if is_exact { (12, 0.65) } else { (24, 0.8) };
    let period = whole(period);
    if runs.len() < least_runs || regular < least_regular || period > MOST_INTERVAL {
        return None;
    }
    let end = usual_end(runs)?;
    let slack = slack(&gaps, period);
    let starts = runs.iter().map(|run| run.start);
    let active = active(starts, first, last, period, period + slack, unseen);
    Some(Interval {
        period,
        end,
        slack,
        active,
        known_for: last - first,
        regular,
        gaps: gaps.len(),
    })
}

/// When a success usually ends after its start, in seconds.
fn usual_end(runs: &[Past]) -> Option<i64> {
    let successes = runs.iter().filter(|run| run.succeeded);
    let lengths = successes.map(|run| count(run.end - run.start));
    median(lengths.collect()).map(whole)
}

/// How much later than usual the next run may start, in seconds.
fn slack(gaps: &[f64], period: i64) -> i64 {
    // Longer gaps are pauses and outages.
    let pause = count((4 * period).max(period + 2 * HOUR));
    let late: Vec<f64> = gaps.iter().copied().filter(|gap| *gap <= pause).collect();
    // A few may have been late for a reason.
    let rank = 2 + (late.len() / 25).min(4);
    let seen = whole(largest(late, rank).unwrap_or_default()) - period + period.min(10 * MINUTE);
    let least = period.clamp(LEAST_SLACK, MOST_LEAST_SLACK);
    seen.clamp(least, least.max(3 * period))
}

/// In which quarters of an hour of the week the feed is active. A new feed
/// without a pause in its first day is always active.
fn active(
    starts: impl Iterator<Item = i64>,
    first: i64,
    last: i64,
    period: i64,
    longest: i64,
    unseen: &[Span],
) -> Week {
    let from = (last - WEEKS * WEEK).max(first).div_euclid(BIN) * BIN;
    let length = usize::try_from((last - from) / BIN + 1).unwrap_or_default();
    let bin_of = |time: i64| usize::try_from((time - from).div_euclid(BIN)).unwrap_or_default();
    let mut paused = vec![false; length];
    let mut before = first;
    for start in starts {
        if start - before > longest && start > from {
            let pause = bin_of(before + period)..bin_of(start).min(length);
            if let Some(pause) = paused.get_mut(pause) {
                pause.fill(true);
            }
        }
        before = start;
    }
    let mut votes = [(0_u8, 0_u8); BINS];
    for (time, paused) in (from..).step_by(900).zip(&paused) {
        if unseen.iter().any(|span| span.contains(time)) {
            continue;
        }
        let (active, all) = &mut votes[bin(time)];
        *active += u8::from(!paused);
        *all += 1;
    }
    let is_always_active = last - first >= DAY && !paused.contains(&true);
    let mut week = Week([0; BINS / 64 + 1]);
    for bin in 0..BINS {
        if is_always_active || is_active(&votes, bin) {
            week.0[bin / 64] |= 1 << (bin % 64);
        }
    }
    week
}

/// Whether the feed was mostly active in a quarter of an hour of the week, by the
/// weeks in which it was and all weeks. If it was in half of them, or in the only
/// one, all days decide.
fn is_active(votes: &[(u8, u8); BINS], bin: usize) -> bool {
    let (active, all) = votes[bin];
    let is_undecided = active > 0 && (all == 1 || active * 2 == all);
    if !is_undecided {
        return active * 2 > all;
    }
    let days = votes.iter().skip(bin % BINS_A_DAY).step_by(BINS_A_DAY);
    let (active, all) = days.fold((0, 0), |(active, all), day| (active + day.0, all + day.1));
    active * 2 >= all
}

fn bin(time: i64) -> usize {
    usize::try_from(time.rem_euclid(WEEK) / BIN).unwrap_or_default()
}

impl Week {
    fn contains(&self, time: i64) -> bool {
        let bin = bin(time);
        self.0[bin / 64] >> (bin % 64) & 1 == 1
    }

    /// Whether a run starts at a time: it is followed by active time. The end of
    /// the last interval before a pause varies a little, and is not such a time.
    fn has_start(&self, time: i64, period: i64) -> bool {
        self.contains(time) && self.contains(time + period / 2)
    }

    /// An hour less at the beginning and end of each active time.
    fn narrowed(&self) -> Self {
        let mut narrowed = Self([0; BINS / 64 + 1]);
        for time in (0..WEEK).step_by(900) {
            if self.contains(time - HOUR) && self.contains(time) && self.contains(time + HOUR) {
                let bin = bin(time);
                narrowed.0[bin / 64] |= 1 << (bin % 64);
            }
        }
        narrowed
    }
}

impl Interval {
    /// When the next run should start after one at `after`, and when its
    /// success is due. `shifted` is true while clocks may have changed lately,
    /// so that active times begin and end up to an hour earlier or later.
    /// `None` for a new feed that was not seen at the time in question.
    pub(super) fn next(&self, after: i64, shifted: bool) -> Option<(i64, i64)> {
        let active = if shifted {
            self.active.narrowed()
        } else {
            self.active
        };
        let next = after + self.period;
        let later = (next.div_euclid(BIN) + 1) * BIN;
        let mut times = std::iter::once(next).chain((later..later + WEEK).step_by(900));
        let start = times.find(|time| active.has_start(*time, self.period))?;
        let due = start + self.end + self.slack;
        let is_seen = active.contains(due) && due - after <= DAY;
        let is_known = self.known_for >= NEW || is_seen;
        is_known.then_some((start, due))
    }

    /// Whether it is active all the time that was seen.
    pub(super) fn is_always_active(&self) -> bool {
        (0..WEEK)
            .step_by(900)
            .all(|time| self.active.contains(time))
    }
}
