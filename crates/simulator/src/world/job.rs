//! A job: its plan, and its progress at a given time. A plan does not change,
//! so states only move forward and counts only grow.
//!
//! [`super::generated`] makes plans from a seed; tests make their own.

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
    /// All rows were loaded.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// A user stopped it while it ran.
    Stopped,
    /// A user canceled it before it read anything.
    Canceled,
    /// There was nothing to do.
    Skipped,
}

/// The rows of a table by result; their sum is the number of rows read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// New rows.
    pub inserted: u64,
    /// Changed rows.
    pub updated: u64,
    /// Duplicates, not ingested.
    pub rejected: u64,
    /// Rows with an ingest error.
    pub errors: u64,
}

/// The documented states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableState {
    /// Is queued.
    Scheduled,
    /// Is starting.
    Started,
    /// Has started.
    InProgress,
    /// Reads rows.
    Running,
    /// Writes the rows.
    Finalizing,
    /// Is being stopped.
    Stopping,
    /// Ended without an error.
    Succeeded,
    /// Was stopped by a user.
    Stopped,
    /// Ended with an error.
    Failed,
    /// Had nothing to do.
    Skipped,
    /// Was canceled by a user.
    Canceled,
}

/// Row counts at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read so far.
    pub read: u64,
    /// Those of them whose result is known.
    pub rows: Rows,
}

impl Job {
    /// A run without tables that starts at `started`, to the millisecond.
    #[must_use]
    pub fn new(id: impl Into<String>, started: Timestamp) -> Self {
        Self {
            id: id.into(),
            workflow: "wf-20240618-3423-b45".to_owned(),
            started: super::at(started.as_millisecond()),
            tables: Vec::new(),
        }
    }

    /// Sets the workflow id.
    #[must_use]
    pub fn workflow(mut self, id: impl Into<String>) -> Self {
        self.workflow = id.into();
        self
    }

    /// Adds a table.
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
    /// A table that starts with its job, takes one minute and succeeds without
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

    /// Sets the duration from its own start to its end.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// Sets the outcome.
    #[must_use]
    pub fn ending(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Sets the final rows.
    #[must_use]
    pub fn rows(mut self, rows: Rows) -> Self {
        self.rows = rows;
        self
    }

    /// Sets the number of files, at most 10,000.
    #[must_use]
    pub fn files(mut self, files: u64) -> Self {
        self.files = files.min(10_000);
        self
    }

    /// The progress `elapsed` milliseconds after the job's start.
    pub(crate) fn progress(&self, elapsed: u64) -> Progress {
        let (delay, duration) = (milliseconds(self.delay), milliseconds(self.duration));
        match elapsed.checked_sub(delay) {
            None => Progress::waiting(),
            Some(elapsed) if elapsed >= duration => Progress {
                state: self.outcome.state(),
                started: true,
                ended: true,
                counts: Counts {
                    read: self.rows.read(),
                    rows: self.rows,
                },
            },
            Some(elapsed) => self.in_progress(elapsed, duration),
        }
    }

    /// `elapsed` is less than `duration` here. Rows are read while the state
    /// is `running`: from a fifth of the time to nine tenths.
    fn in_progress(&self, elapsed: u64, duration: u64) -> Progress {
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
            started: true,
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

/// The progress of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: TableState,
    /// Whether `started_at` is known.
    pub(crate) started: bool,
    /// Whether `ended_at` is known.
    pub(crate) ended: bool,
    pub(crate) counts: Counts,
}

impl Progress {
    fn waiting() -> Self {
        Self {
            state: TableState::Scheduled,
            started: false,
            ended: false,
            counts: Counts::default(),
        }
    }
}

impl Outcome {
    /// The state of a table that ended.
    pub(crate) fn state(self) -> TableState {
        match self {
            Self::Succeeded => TableState::Succeeded,
            Self::Failed => TableState::Failed,
            Self::Stopped => TableState::Stopped,
            Self::Canceled => TableState::Canceled,
            Self::Skipped => TableState::Skipped,
        }
    }

    fn state_before_end(self, permille: u128) -> TableState {
        match (self, permille) {
            (Self::Skipped, _) | (Self::Canceled, ..300) | (_, ..60) => TableState::Scheduled,
            (Self::Canceled, ..600) | (_, ..120) => TableState::Started,
            (Self::Canceled, _) | (_, ..200) => TableState::InProgress,
            (Self::Succeeded, 900..) => TableState::Finalizing,
            (Self::Stopped, 850..) => TableState::Stopping,
            _ => TableState::Running,
        }
    }
}

impl Rows {
    /// The number of rows read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.inserted
            .saturating_add(self.updated)
            .saturating_add(self.rejected)
            .saturating_add(self.errors)
    }
}

impl TableState {
    /// The name in the API.
    pub(crate) fn as_str(self) -> &'static str {
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
