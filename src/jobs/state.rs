//! The states of a table, and how the vendor's spellings of them are read.

use std::fmt;
use std::sync::Arc;

use super::label::bounded;

/// The state of one table of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits for its turn.
    Scheduled,
    /// Its start was requested.
    Started,
    /// Has begun.
    InProgress,
    /// Reads rows.
    Running,
    /// Writes what it read.
    Finalizing,
    /// Ended successfully.
    Succeeded,
    /// Its stop was requested.
    Stopping,
    /// Ended because somebody stopped it.
    Stopped,
    /// Ended with an error.
    Failed,
    /// Ended because there was nothing to do.
    Skipped,
    /// Ended because somebody canceled it.
    Canceled,
    /// A state this version does not know, in lower case with underscores.
    Other(Arc<str>),
}

impl State {
    /// The documented states, in the order of a job's life.
    pub const KNOWN: [Self; 11] = [
        Self::Scheduled,
        Self::Started,
        Self::InProgress,
        Self::Running,
        Self::Finalizing,
        Self::Succeeded,
        Self::Stopping,
        Self::Stopped,
        Self::Failed,
        Self::Skipped,
        Self::Canceled,
    ];

    /// The documented states after which nothing changes.
    pub const TERMINAL: [Self; 5] = [
        Self::Succeeded,
        Self::Stopped,
        Self::Failed,
        Self::Skipped,
        Self::Canceled,
    ];

    /// Reads any spelling: `In progress`, `IN_PROGRESS` and `in-progress` are
    /// one state. `None` if there is no letter or digit in it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // In lower case first: a letter's lower case may hold a mark that
        // divides words.
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let name = words.join("_");
        if name.is_empty() {
            return None;
        }
        let known = Self::KNOWN.into_iter().find(|state| state.as_str() == name);
        Some(known.unwrap_or_else(|| Self::Other(bounded(&name).into())))
    }

    /// The value of the `state` label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Started => "started",
            Self::InProgress => "in_progress",
            Self::Running => "running",
            Self::Finalizing => "finalizing",
            Self::Succeeded => "succeeded",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
            Self::Other(name) => name,
        }
    }

    /// Whether nothing changes after it; `false` for a state that this
    /// version does not know.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        Self::TERMINAL.contains(self)
    }

    /// The worse of two states: the one an operator needs to know about.
    #[must_use]
    pub fn worse(one: Self, two: Self) -> Self {
        if two.severity() > one.severity() {
            two
        } else {
            one
        }
    }

    fn severity(&self) -> u8 {
        match self {
            Self::Skipped => 0,
            Self::Succeeded => 1,
            Self::Finalizing => 2,
            Self::Running => 3,
            Self::InProgress => 4,
            Self::Started => 5,
            Self::Scheduled => 6,
            Self::Other(_) => 7,
            Self::Stopping => 8,
            Self::Stopped => 9,
            Self::Canceled => 10,
            Self::Failed => 11,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
