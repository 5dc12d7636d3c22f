//! The life of one job: what was decided about it from the start (its plan)
//! and how far it has come at a given time. A plan never changes, so states
//! only move forward and counts only grow.
//!
//! [`super::generated`] makes plans from a seed; tests write them by hand.

use std::time::Duration;

use jiff::Timestamp;

/// The plan of one run of an ingest job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub(crate) id: String,
    pub(crate) workflow: String,
    pub(crate) started: Timestamp,
    pub(crate) tables: Vec<Table>,
}

/// The plan for one table of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) name: String,
    pub(crate) feed: String,
    pub(crate) delay: Duration,
    pub(crate) duration: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) rows: Rows,
    pub(crate) files: u64,
}

/// How a table ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was loaded.
    Succeeded,
    /// An error ended it.
    Failed,
    /// Somebody stopped it while it ran.
    Stopped,
    /// Somebody canceled it before it read anything.
    Canceled,
    /// There was nothing to do.
    Skipped,
}

/// The rows of a table by what became of them; what was read is their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// New rows of the table.
    pub inserted: u64,
    /// Rows of the table that changed.
    pub updated: u64,
    /// Duplicates, not ingested.
    pub rejected: u64,
    /// Rows with an ingest error.
    pub errors: u64,
}

/// The documented states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Waits for its turn.
    Scheduled,
    /// Was told to begin.
    Started,
    /// Has begun.
    InProgress,
    /// Reads rows.
    Running,
    /// Writes what it read.
    Finalizing,
    /// Was asked to stop.
    Stopping,
    /// Ended well.
    Succeeded,
    /// Ended because somebody stopped it.
    Stopped,
    /// Ended with an error.
    Failed,
    /// Ended without having had anything to do.
    Skipped,
    /// Ended because somebody canceled it.
    Canceled,
}

/// Rows as they are counted at some time: `read` and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read so far.
    pub read: u64,
    /// Those of them whose fate is known.
    pub rows: Rows,
}

impl Job {
    /// A run that starts at `started`, to the millisecond, and has no table
    /// yet.
    #[must_use]
    pub fn new(id: impl Into<String>, started: Timestamp) -> Self {
        Self {
            id: id.into(),
            workflow: "wf-20240618-3423-b45".to_owned(),
            started: super::at(started.as_millisecond()),
            tables: Vec::new(),
        }
    }

    /// The workflow that runs it.
    #[must_use]
    pub fn workflow(mut self, id: impl Into<String>) -> Self {
        self.workflow = id.into();
        self
    }

    /// One more table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Table {
    /// A table that starts with its job, takes a minute and succeeds with no
    /// rows in one file.
    #[must_use]
    pub fn new(name: impl Into<String>, feed: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            feed: feed.into(),
            delay: Duration::ZERO,
            duration: Duration::from_mins(1),
            outcome: Outcome::Succeeded,
            rows: Rows::default(),
            files: 1,
        }
    }

    /// Starts this long after its job.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Takes this long from its own start to its end.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// Ends in this way.
    #[must_use]
    pub fn ending(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The counts at its end.
    #[must_use]
    pub fn rows(mut self, rows: Rows) -> Self {
        self.rows = rows;
        self
    }

    /// The number of files it reads, at most 10,000.
    #[must_use]
    pub fn files(mut self, files: u64) -> Self {
        self.files = files.min(10_000);
        self
    }

    /// Where it stands `elapsed` milliseconds after its job's start.
    pub(crate) fn progress(&self, elapsed: u64) -> Progress {
        let (delay, duration) = (milliseconds(self.delay), milliseconds(self.duration));
        match elapsed.checked_sub(delay) {
            None => Progress::waiting(),
            Some(elapsed) if elapsed >= duration => Progress {
                state: self.outcome.state(),
                begun: true,
                ended: true,
                counts: Counts {
                    read: self.rows.read(),
                    rows: self.rows,
                },
            },
            Some(elapsed) => self.underway(elapsed, duration),
        }
    }

    /// `elapsed` is less than `duration` here. Rows are read while the state
    /// is `running`: from a fifth of the time to nine tenths.
    fn underway(&self, elapsed: u64, duration: u64) -> Progress {
        let (elapsed, duration) = (u128::from(elapsed), u128::from(duration));
        let state = self.outcome.state_before_end(elapsed * 1000 / duration);
        let running = (elapsed * 10)
            .saturating_sub(duration * 2)
            .min(duration * 7);
        let share = |whole: u64| {
            let part = u128::from(whole) * running / (duration * 7);
            u64::try_from(part).unwrap_or(whole)
        };
        Progress {
            state,
            begun: true,
            ended: false,
            counts: Counts {
                read: share(self.rows.read()),
                rows: Rows {
                    inserted: share(self.rows.inserted),
                    updated: share(self.rows.updated),
                    rejected: share(self.rows.rejected),
                    errors: share(self.rows.errors),
                },
            },
        }
    }
}

/// How far a table has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: State,
    /// Whether there is a `started_at`.
    pub(crate) begun: bool,
    /// Whether there is an `ended_at`.
    pub(crate) ended: bool,
    pub(crate) counts: Counts,
}

impl Progress {
    fn waiting() -> Self {
        Self {
            state: State::Scheduled,
            begun: false,
            ended: false,
            counts: Counts::default(),
        }
    }
}

impl Outcome {
    /// The state it is called by once the table ended.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::Succeeded => State::Succeeded,
            Self::Failed => State::Failed,
            Self::Stopped => State::Stopped,
            Self::Canceled => State::Canceled,
            Self::Skipped => State::Skipped,
        }
    }

    fn state_before_end(self, permille: u128) -> State {
        match (self, permille) {
            (Self::Skipped, _) | (Self::Canceled, ..300) | (_, ..60) => State::Scheduled,
            (Self::Canceled, ..600) | (_, ..120) => State::Started,
            (Self::Canceled, _) | (_, ..200) => State::InProgress,
            (Self::Succeeded, 900..) => State::Finalizing,
            (Self::Stopped, 850..) => State::Stopping,
            _ => State::Running,
        }
    }
}

impl Rows {
    /// All rows that were read: the sum of the others.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.inserted
            .saturating_add(self.updated)
            .saturating_add(self.rejected)
            .saturating_add(self.errors)
    }
}

impl State {
    /// As it is written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Started => "started",
            Self::InProgress => "in_progress",
            Self::Running => "running",
            Self::Finalizing => "finalizing",
            Self::Stopping => "stopping",
            Self::Succeeded => "succeeded",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
        }
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
