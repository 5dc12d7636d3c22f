//! What an operator would have wanted to know, and when.
//! It is written by the generator and knows nothing of rules or metrics.

use jiff::Timestamp;
use serde::Serialize;

/// What can be wrong with a feed or a tenant, as a person sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Concern {
    Late,
    Failed,
    Slow,
    FewRows,
    ManyRows,
    Errors,
    Rejections,
    Unreachable,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    // Incidents.
    DidNotRun,
    ScheduleStopped,
    Failed,
    Hang,
    Slow,
    FewRows,
    ZeroRows,
    ManyRows,
    ErrorJump,
    RejectionJump,
    ManyFailAtOnce,
    Outage,
    // Events nobody has to know about. Some cannot be distinguished from
    // an incident: the concern they look like is neither required nor false.
    Backfill,
    FailedAndRetried,
    Holiday,
    ScheduleShifted,
    RunAgain,
}

impl Kind {
    /// What it looks like to a person: any of these says it.
    pub(crate) fn looks_like(self) -> &'static [Concern] {
        match self {
            Self::DidNotRun | Self::ScheduleStopped | Self::ScheduleShifted => &[Concern::Late],
            Self::Failed | Self::ManyFailAtOnce | Self::FailedAndRetried => &[Concern::Failed],
            Self::Hang => &[Concern::Slow, Concern::Late],
            Self::Slow => &[Concern::Slow],
            Self::FewRows | Self::ZeroRows => &[Concern::FewRows],
            Self::ManyRows | Self::Backfill => &[Concern::ManyRows],
            Self::ErrorJump => &[Concern::Errors],
            Self::RejectionJump => &[Concern::Rejections],
            Self::Outage => &[Concern::Unreachable],
            Self::Holiday => &[Concern::Late, Concern::FewRows],
            Self::RunAgain => &[Concern::FewRows, Concern::ManyRows],
        }
    }

    /// What follows from it, true but not what had to be said.
    pub(crate) fn entails(self) -> &'static [Concern] {
        match self {
            Self::Failed | Self::ManyFailAtOnce | Self::Slow => &[Concern::Late],
            // A run of many rows takes long.
            Self::ManyRows => &[Concern::Slow],
            // Rows with errors or duplicates are not in the table.
            _ => &[],
        }
    }

    /// Whether somebody has to know about it.
    pub(crate) fn is_incident(self) -> bool {
        self <= Self::Outage
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Label {
    pub(crate) kind: Kind,
    pub(crate) tenant: String,
    /// Table and id of each feed concerned.
    pub(crate) feeds: Vec<(String, String)>,
    /// The kind of schedule, in words.
    pub(crate) schedule: String,
    pub(crate) from: Timestamp,
    /// When it must have been detected.
    pub(crate) detect_by: Timestamp,
    /// When its last effects were over.
    pub(crate) until: Timestamp,
}
