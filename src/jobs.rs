//! The domain: ingest jobs, their tables and states, made from what the API
//! answered. Pure: the same answer always gives the same job.
//!
//! What cannot be trusted (a negative count, a malformed time) becomes
//! `None` here and has no series later. [`crate::feeds`] and
//! [`crate::snapshot`] come next.

use std::sync::Arc;

use jiff::Timestamp;

use crate::wire;

pub(crate) mod label;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod workflow;

use label::bounded;
pub use state::State;
pub use workflow::{Attribution, WorkflowFailure};

/// The largest count that a Prometheus sample, an IEEE 754 double, can tell
/// from its neighbours.
pub const MAX_COUNT: u64 = 1 << 53;

/// One run of an ingest job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Amperity's id of the job; new for every run.
    pub id: Arc<str>,
    /// The workflow that ran it.
    pub workflow_id: Option<Arc<str>>,
    /// Its tables, at most one per table and feed, ordered by these two.
    pub tables: Vec<Table>,
    /// Entries that were merged into another one of the same table and feed.
    pub merged: u64,
    /// Why the run of a workflow failed; never set for an ingest job.
    pub failure: Option<Arc<WorkflowFailure>>,
}

/// What a job did to one table from one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The table's name; empty if the API gave none.
    pub table: Arc<str>,
    /// The feed's id; empty if the API gave none.
    pub feed: Arc<str>,
    /// The state, if the API gave one.
    pub state: Option<State>,
    /// Whether it is final: nothing will change any more.
    pub finished: bool,
    /// The rows.
    pub rows: Rows,
    /// When loading began.
    pub started_at: Option<Timestamp>,
    /// When loading ended; never set while the table is unfinished.
    pub ended_at: Option<Timestamp>,
    /// The files read.
    pub files: Files,
}

/// Row counts by outcome; `None` where the API gave no usable number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Rows ingested into the feed.
    pub read: Option<u64>,
    /// Rows inserted into the table.
    pub inserted: Option<u64>,
    /// Rows updated in the table.
    pub updated: Option<u64>,
    /// Duplicate rows that were not ingested.
    pub rejected: Option<u64>,
    /// Rows with an ingest error.
    pub errors: Option<u64>,
}

impl Rows {
    /// Of each count the higher one.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            read: self.read.max(other.read),
            inserted: self.inserted.max(other.inserted),
            updated: self.updated.max(other.updated),
            rejected: self.rejected.max(other.rejected),
            errors: self.errors.max(other.errors),
        }
    }
}

/// The files of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// How many there are.
    pub count: u64,
    /// At most one entry per name, ordered by name. Empty unless the series of
    /// single files are wanted: a job may have very many.
    pub entries: Vec<File>,
}

/// One file of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The file's id, or its name where it has no id.
    pub file: Arc<str>,
    /// Rows read from the file.
    pub read: Option<u64>,
    /// Rows of the file with an ingest error.
    pub errors: Option<u64>,
}

impl Job {
    /// The job an answer describes, or `None` for an answer without an id.
    #[must_use]
    pub fn from_wire(job: &wire::Job<'_>) -> Option<Self> {
        let id = job.id.as_deref().filter(|id| !id.is_empty())?;
        let entries = job.tables.0.len();
        let mut tables = merge(
            job.tables.0.iter().map(Table::from_wire).collect(),
            |table| (Arc::clone(&table.table), Arc::clone(&table.feed)),
            Table::absorb,
        );
        // Once for all entries of a table: a hostile answer has very many.
        for table in &mut tables {
            table.merge_files();
        }
        Some(Self {
            id: bounded(id).into(),
            workflow_id: job.workflow_id.as_deref().map(|id| bounded(id).into()),
            merged: (entries - tables.len()) as u64,
            tables,
            failure: None,
        })
    }

    /// Drops the entries of single files; their number stays.
    pub(crate) fn drop_files(&mut self) {
        for table in &mut self.tables {
            table.files.entries = Vec::new();
        }
    }

    /// Whether all of its tables are. A job without tables has not begun.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.tables.is_empty() && self.tables.iter().all(|table| table.finished)
    }

    /// When its last table ended; `None` until all have.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        let ends = self.tables.iter().map(|table| table.ended_at);
        ends.max().flatten().filter(|_| self.is_finished())
    }

    /// When its first table started.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        self.tables
            .iter()
            .filter_map(|table| table.started_at)
            .min()
    }
}

impl Table {
    fn from_wire(table: &wire::Table<'_>) -> Self {
        let state = table.state.as_deref().and_then(State::parse);
        let (ended_at, finished) = end(state.as_ref(), &table.ended_at);
        Self {
            table: label(&table.table_name),
            feed: label(&table.feed_id),
            state,
            finished,
            rows: Rows {
                read: count(table.read),
                inserted: count(table.inserted),
                updated: count(table.updated),
                rejected: count(table.rejected),
                errors: count(table.errors),
            },
            started_at: timestamp(&table.started_at),
            ended_at,
            files: Files {
                count: 0,
                entries: table.files.0.iter().map(File::from_wire).collect(),
            },
        }
    }

    /// Milliseconds from start to end; `None` until it ended, or if the end
    /// lies before the start.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        duration_ms(self.started_at, self.ended_at)
    }

    /// Takes in a second entry of the same table and feed: counts are added,
    /// the earliest start, the latest end and the worse state stay.
    fn absorb(&mut self, other: Self) {
        self.rows = Rows {
            read: sum(self.rows.read, other.rows.read),
            inserted: sum(self.rows.inserted, other.rows.inserted),
            updated: sum(self.rows.updated, other.rows.updated),
            rejected: sum(self.rows.rejected, other.rows.rejected),
            errors: sum(self.rows.errors, other.rows.errors),
        };
        self.state = match (self.state.take(), other.state) {
            (Some(one), Some(two)) => Some(State::worse(one, two)),
            (one, two) => one.or(two),
        };
        self.finished &= other.finished;
        self.started_at = self.started_at.into_iter().chain(other.started_at).min();
        self.ended_at = self.ended_at.max(other.ended_at).filter(|_| self.finished);
        self.files.entries.extend(other.files.entries);
    }

    fn merge_files(&mut self) {
        let entries = std::mem::take(&mut self.files.entries);
        self.files = merge(
            entries,
            |file| Arc::clone(&file.file),
            |file, other| file.absorb(&other),
        )
        .into();
    }
}

impl From<Vec<File>> for Files {
    fn from(entries: Vec<File>) -> Self {
        Self {
            count: entries.len() as u64,
            entries,
        }
    }
}

impl File {
    fn from_wire(file: &wire::File<'_>) -> Self {
        let id = file.file_id.as_deref().filter(|id| !id.is_empty());
        let id = id.or(file.name.as_deref());
        Self {
            file: bounded(id.unwrap_or_default()).into(),
            read: count(file.read),
            errors: count(file.errors),
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.read = sum(self.read, other.read);
        self.errors = sum(self.errors, other.errors);
    }
}

/// Sorts by key and lets the first of equal keys absorb the others.
fn merge<T, K: Ord>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> K,
    absorb: impl Fn(&mut T, T),
) -> Vec<T> {
    items.sort_by_cached_key(&key);
    let mut merged: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        match merged.last_mut() {
            Some(last) if key(last) == key(&item) => absorb(last, item),
            _ => merged.push(item),
        }
    }
    merged
}

fn sum(one: Option<u64>, two: Option<u64>) -> Option<u64> {
    match (one, two) {
        (Some(one), Some(two)) => one.checked_add(two).filter(|sum| *sum <= MAX_COUNT),
        (one, two) => one.or(two),
    }
}

/// Milliseconds from start to end; `None` if either is unknown or the end lies
/// before the start.
pub(crate) fn duration_ms(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<u64> {
    let elapsed = end?.as_millisecond() - start?.as_millisecond();
    u64::try_from(elapsed).ok()
}

fn count(count: wire::Count) -> Option<u64> {
    count.0.filter(|count| *count <= MAX_COUNT)
}

fn label(text: &wire::Text<'_>) -> Arc<str> {
    bounded(text.as_deref().unwrap_or_default()).into()
}

/// When something ended, and whether it did.
fn end(state: Option<&State>, ended_at: &wire::Text<'_>) -> (Option<Timestamp>, bool) {
    let ended_at = timestamp(ended_at);
    // A state added after this was written does not say whether it is the last
    // one; an end does.
    let finished = match state {
        Some(State::Other(_)) | None => ended_at.is_some(),
        Some(state) => state.is_terminal(),
    };
    (ended_at.filter(|_| finished), finished)
}

/// A time after the epoch, to the millisecond. A time without a zone is UTC,
/// as all of the API's are.
fn timestamp(text: &wire::Text<'_>) -> Option<Timestamp> {
    let text = text.as_deref()?;
    let exact = text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        jiff::tz::Offset::UTC.to_timestamp(civil).ok()
    })?;
    let millisecond = exact.as_millisecond();
    (millisecond > 0).then(|| Timestamp::from_millisecond(millisecond).ok())?
}
