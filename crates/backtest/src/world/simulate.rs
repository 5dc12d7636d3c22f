//! Simulates what is planned: job records with their times and counts, and a label
//! for each thing that happened.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::dice::Dice;
use super::label::{Kind, Label};
use super::plan::{Effect, Planned};
use super::population::{Feed, Group};
use super::record::{FileRecord, JobRecord, TableRecord};
use super::{Outage, Span};

/// How long an alert may take to end once all is well again.
const AFTERMATH: SignedDuration = SignedDuration::from_mins(45);

/// Within this time of the end of a run its result must be detected.
const RESULT_DETECTED_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// What came of one group's plan.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) jobs: Vec<JobRecord>,
    pub(crate) labels: Vec<Label>,
}

/// Runs one group from the first planned run to the last.
pub(crate) fn simulate(
    seed: u64,
    number: usize,
    group: &Group,
    plan: &[Planned],
    span: Span,
    outages: &[Outage],
) -> Outcome {
    let mut simulation = Simulation {
        group,
        span,
        outages,
        dice: Dice::new(seed, &format!("group {number}")),
        number,
        missed: vec![0.0; group.feeds.len()],
        busy_until: Timestamp::MIN,
        caught_up: None,
        open: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    for planned in plan {
        simulation.take(planned);
    }
    for label in std::mem::take(&mut simulation.open).into_values().flatten() {
        simulation.outcome.labels.push(label);
    }
    simulation.outcome
}

struct Simulation<'a> {
    group: &'a Group,
    span: Span,
    outages: &'a [Outage],
    dice: Dice,
    number: usize,
    /// Rows of runs that did not take place, by feed.
    missed: Vec<f64>,
    busy_until: Timestamp,
    /// The end of the outage after which a run has caught up.
    caught_up: Option<Timestamp>,
    /// Labels whose effects last until the next good run, by feed.
    open: BTreeMap<usize, Vec<Label>>,
    outcome: Outcome,
}

impl Simulation<'_> {
    fn take(&mut self, planned: &Planned) {
        if planned.shifted {
            let until = planned.time + SignedDuration::from_hours(26);
            self.label_closed(
                Kind::ScheduleShifted,
                planned.time - SignedDuration::from_hours(4),
                until,
            );
        }
        let (feed, effect) = match planned.effect {
            Some((feed, effect)) => (feed, Some(effect)),
            None => (0, None),
        };
        match effect {
            Some(Effect::DoesNotRun) => self.is_missing(Kind::DidNotRun, planned.time),
            Some(Effect::Stops) => self.is_missing(Kind::ScheduleStopped, planned.time),
            Some(Effect::Holiday) => self.is_missing(Kind::Holiday, planned.time),
            Some(Effect::NorThisOne) => self.miss(planned.time),
            _ => self.run(planned.time, feed, effect),
        }
    }

    /// Labels a run that does not take place.
    fn is_missing(&mut self, kind: Kind, time: Timestamp) {
        self.miss(time);
        let usual = (0..self.group.feeds.len())
            .map(|feed| self.usual_seconds(feed, time))
            .sum();
        let due = time + SignedDuration::from_secs_f64(usual);
        let tolerance = self
            .group
            .schedule
            .tolerance()
            .unwrap_or(SignedDuration::from_hours(24));
        let all: Vec<usize> = (0..self.group.feeds.len()).collect();
        self.label(kind, &all, time, due + tolerance);
    }

    fn miss(&mut self, time: Timestamp) {
        for feed in 0..self.group.feeds.len() {
            self.missed[feed] += self.mean_rows(feed, time);
        }
    }

    fn run(&mut self, time: Timestamp, concerned: usize, effect: Option<Effect>) {
        let jitter = SignedDuration::from_millis(self.dice.between(2_000, 110_000));
        let mut start = time + jitter;
        if let Some(outage) = self
            .outages
            .iter()
            .find(|outage| outage.delays(self.group.tenant, start))
        {
            // What was due meanwhile runs once when it is over.
            if self.caught_up == Some(outage.to) {
                return self.miss(time);
            }
            self.caught_up = Some(outage.to);
            start = outage.to + SignedDuration::from_secs(self.dice.between(60, 1800));
        }
        if start < self.busy_until && !self.group.overlaps {
            return self.miss(time);
        }
        let mut job = self.new_job(start);
        let mut retry = None;
        for feed in 0..self.group.feeds.len() {
            let all = matches!(effect, Some(Effect::FailsWithOthers | Effect::RunsAgain));
            let effect = effect.filter(|_| feed == concerned || all);
            let table = self.load(feed, start, time, effect);
            start = table.ended_at;
            self.label_result(feed, &table, effect);
            if effect == Some(Effect::FailsAndIsRetried) {
                let again = start + SignedDuration::from_secs(self.dice.between(120, 420));
                retry = Some((feed, again));
            }
            job.tables.push(TableRecord {
                job_id: job.id.clone(),
                ..table
            });
        }
        self.busy_until = self.busy_until.max(start);
        self.outcome.jobs.push(job);
        if let Some((feed, again)) = retry {
            let mut job = self.new_job(again);
            let table = self.load(feed, again, time, None);
            self.busy_until = self.busy_until.max(table.ended_at);
            self.label_result(feed, &table, None);
            job.tables.push(TableRecord {
                job_id: job.id.clone(),
                ..table
            });
            self.outcome.jobs.push(job);
        }
    }

    fn new_job(&self, start: Timestamp) -> JobRecord {
        let (day, second) = (start.strftime("%Y%m%d"), start.as_second() % 86_400);
        let number = self.number;
        JobRecord {
            id: format!("isj-{day}-{second:05}-g{number}"),
            workflow_id: format!("wf-{day}-{second:05}-g{number}"),
            tables: Vec::new(),
        }
    }

    /// Loads one table.
    fn load(
        &mut self,
        feed: usize,
        start: Timestamp,
        scheduled: Timestamp,
        effect: Option<Effect>,
    ) -> TableRecord {
        let profile = &self.group.feeds[feed];
        let local = self.group.timezone.to_datetime(scheduled);
        let weeks = self.span.weeks_until(scheduled);
        let mut rows = profile.volume.draw(local, weeks, &mut self.dice) as f64;
        let usual = profile.usual_seconds(profile.volume.mean(local, weeks));
        if profile.volume.accumulates {
            rows += self.missed[feed];
        }
        let failed = matches!(
            effect,
            Some(Effect::Fails | Effect::FailsAndIsRetried | Effect::FailsWithOthers)
        );
        match effect {
            Some(Effect::FewRows(factor) | Effect::ManyRows(factor) | Effect::Backfill(factor)) => {
                rows *= factor;
            }
            Some(Effect::ZeroRows) => rows = 0.0,
            Some(Effect::RunsAgain) => rows *= self.dice.uniform(0.6, 1.1),
            _ => {}
        }
        let mut seconds =
            profile.usual_seconds(rows) * self.dice.log_normal(profile.duration_sigma);
        match effect {
            Some(Effect::Slow(times)) => seconds = usual * times,
            Some(Effect::Hangs) => {
                let enough = hang_detected_after(usual).as_secs_f64() + 7200.0;
                seconds = enough + self.dice.uniform(0.0, 8.0) * 3600.0;
            }
            _ if failed => {
                seconds *= self.dice.uniform(0.1, 1.0);
                rows = if self.dice.chance(0.5) {
                    0.0
                } else {
                    (rows * 0.4).round()
                };
                self.missed[feed] += profile.volume.mean(local, weeks);
            }
            _ => {}
        }
        if !failed {
            self.missed[feed] = 0.0;
        }
        let ratios = match effect {
            Some(Effect::Errors(ratio)) => (ratio, profile.rejected_ratio),
            Some(Effect::Rejections(ratio)) => (profile.error_ratio, ratio),
            _ => (profile.error_ratio, profile.rejected_ratio),
        };
        let seconds = if effect == Some(Effect::FailsWithOthers) {
            seconds.min(240.0)
        } else {
            seconds
        };
        let ended_at = start + SignedDuration::from_millis((seconds.max(2.0) * 1000.0) as i64);
        let state = if failed { "failed" } else { "succeeded" };
        table(
            profile,
            state,
            start..ended_at,
            rows as u64,
            ratios,
            &mut self.dice,
        )
    }

    /// Labels what came of a run, and closes what a good one ends.
    fn label_result(&mut self, feed: usize, table: &TableRecord, effect: Option<Effect>) {
        let good = table.state == "succeeded"
            && matches!(
                effect,
                None | Some(Effect::Backfill(_) | Effect::RunsAgain | Effect::FailsAndIsRetried)
            );
        if good {
            for mut label in self.open.remove(&feed).unwrap_or_default() {
                label.until = table.ended_at + AFTERMATH;
                self.outcome.labels.push(label);
            }
        }
        let started = table.started_at;
        let usual = self.usual_seconds(feed, started);
        let result_detected_by = table.ended_at + RESULT_DETECTED_WITHIN;
        let (kind, from, detect_by) = match effect {
            Some(Effect::Fails) => (Kind::Failed, table.ended_at, result_detected_by),
            Some(Effect::FailsAndIsRetried) => {
                (Kind::FailedAndRetried, table.ended_at, result_detected_by)
            }
            Some(Effect::FailsWithOthers) => {
                (Kind::ManyFailAtOnce, table.ended_at, result_detected_by)
            }
            Some(Effect::Hangs) => (Kind::Hang, started, started + hang_detected_after(usual)),
            Some(Effect::Slow(_)) => {
                let detect_by = started + SignedDuration::from_secs_f64(usual * 4.0);
                (Kind::Slow, started, detect_by)
            }
            Some(Effect::FewRows(_)) => (Kind::FewRows, table.ended_at, result_detected_by),
            Some(Effect::ZeroRows) => (Kind::ZeroRows, table.ended_at, result_detected_by),
            Some(Effect::ManyRows(_)) => (Kind::ManyRows, started, result_detected_by),
            Some(Effect::Errors(_)) => (Kind::ErrorJump, table.ended_at, result_detected_by),
            Some(Effect::Rejections(_)) => {
                (Kind::RejectionJump, table.ended_at, result_detected_by)
            }
            Some(Effect::Backfill(_)) => (Kind::Backfill, table.ended_at, result_detected_by),
            Some(Effect::RunsAgain) => (Kind::RunAgain, table.ended_at, result_detected_by),
            _ => return,
        };
        // The tables that wait in the same job are late with it.
        let waiting = match kind {
            Kind::Hang | Kind::Slow => self.group.feeds.len(),
            _ => feed + 1,
        };
        let feeds: Vec<usize> = (feed..waiting).collect();
        self.label(kind, &feeds, from, detect_by);
    }

    fn label(&mut self, kind: Kind, feeds: &[usize], from: Timestamp, detect_by: Timestamp) {
        let label = self.new_label(kind, feeds, from, detect_by, self.span.to);
        // Open until the feed's next good run; that of the last one concerned.
        let last = feeds.last().copied().unwrap_or_default();
        self.open.entry(last).or_default().push(label);
    }

    fn label_closed(&mut self, kind: Kind, from: Timestamp, until: Timestamp) {
        let all: Vec<usize> = (0..self.group.feeds.len()).collect();
        let label = self.new_label(kind, &all, from, until, until);
        self.outcome.labels.push(label);
    }

    fn new_label(
        &self,
        kind: Kind,
        feeds: &[usize],
        from: Timestamp,
        detect_by: Timestamp,
        until: Timestamp,
    ) -> Label {
        let feeds = feeds.iter().map(|feed| &self.group.feeds[*feed]);
        Label {
            kind,
            tenant: self.group.tenant.to_owned(),
            feeds: feeds
                .map(|feed| (feed.table.clone(), feed.id.clone()))
                .collect(),
            schedule: format!("{:?}", self.group.class),
            from,
            detect_by,
            until,
        }
    }

    fn mean_rows(&self, feed: usize, time: Timestamp) -> f64 {
        let local = self.group.timezone.to_datetime(time);
        let volume = &self.group.feeds[feed].volume;
        volume.mean(local, self.span.weeks_until(time))
    }

    fn usual_seconds(&self, feed: usize, time: Timestamp) -> f64 {
        self.group.feeds[feed].usual_seconds(self.mean_rows(feed, time))
    }
}

/// After how long a run that hangs must be detected.
fn hang_detected_after(usual: f64) -> SignedDuration {
    SignedDuration::from_secs_f64((usual * 3.0).max(usual + 3600.0) + 3600.0)
}

fn table(
    feed: &Feed,
    state: &'static str,
    time: std::ops::Range<Timestamp>,
    rows: u64,
    (error_ratio, rejected_ratio): (f64, f64),
    dice: &mut Dice,
) -> TableRecord {
    let mut part = |ratio: f64| {
        let mean = rows as f64 * ratio * dice.log_normal(0.25);
        let count = if mean < 50.0 {
            dice.poisson(mean)
        } else {
            mean as u64
        };
        count.min(rows / 2 + rows / 4)
    };
    let errors = part(error_ratio);
    let rejected = part(rejected_ratio).min(rows - errors);
    let loaded = rows - errors - rejected;
    let inserted = (loaded as f64 * dice.uniform(0.2, 0.8)) as u64;
    let files = if rows == 0 { 0 } else { 1 + rows / 1_000_000 };
    let files = (0..files).map(|part| FileRecord {
        file_id: format!(
            "cb-{}-{}/part{part}.avro",
            time.start.strftime("%Y%m%d%H%M"),
            feed.id
        ),
        name: format!("part{part}.avro"),
        read: rows / files,
        errors: errors / files,
    });
    TableRecord {
        job_id: String::new(),
        table_name: feed.table.clone(),
        feed_id: feed.id.clone(),
        state,
        read: rows,
        inserted,
        updated: loaded - inserted,
        rejected,
        errors,
        started_at: time.start,
        ended_at: time.end,
        files: files.collect(),
    }
}
