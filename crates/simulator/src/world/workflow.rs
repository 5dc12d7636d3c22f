//! A run of a workflow: its plan, and its progress at a given time. A run that
//! failed may go on, as after *Retry task* in Amperity: its plan then has a
//! further attempt.

use std::time::Duration;

use jiff::Timestamp;

use super::job::milliseconds;

/// The plan of one run of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowRun {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) workflow_type: String,
    pub(crate) started: Timestamp,
    /// The first attempt, and those after a failure.
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) principal: Principal,
}

/// From a start to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The time since the end of the attempt before.
    pub(crate) pause: Duration,
    pub(crate) duration: Duration,
    pub(crate) outcome: WorkflowOutcome,
}

/// How a run of a workflow ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkflowOutcome {
    /// All tasks succeeded.
    Succeeded,
    /// A task failed.
    Failed(WorkflowError),
    /// A user stopped it.
    Stopped,
    /// A user canceled it before it began.
    Canceled,
}

/// The error of a run that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowError {
    /// Who can fix it; the API leaves it out if `None`.
    pub attribution: Option<Attribution>,
    /// Where it occurred.
    pub error_type: String,
    /// What happened; may have several lines.
    pub message: String,
}

/// The source of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribution {
    /// The configuration of the customer.
    Customer,
    /// Amperity itself.
    Platform,
}

/// Who started a workflow: personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The e-mail address; schedules have none.
    pub email: Option<String>,
}

/// The progress of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkflowProgress<'a> {
    pub(crate) state: &'static str,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) error: Option<&'a WorkflowError>,
    /// Whether tasks after the first one have started.
    pub(crate) is_past_first_task: bool,
}

impl WorkflowRun {
    /// A run that a schedule starts at `started`, takes one minute and
    /// succeeds.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        workflow_type: impl Into<String>,
        started: Timestamp,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            workflow_type: workflow_type.into(),
            started: super::at(started.as_millisecond()),
            attempts: vec![Attempt {
                pause: Duration::ZERO,
                duration: Duration::from_mins(1),
                outcome: WorkflowOutcome::Succeeded,
            }],
            principal: Principal::schedule(),
        }
    }

    /// Sets the duration of the last attempt.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.duration = duration;
        }
        self
    }

    /// Sets the outcome of the last attempt.
    #[must_use]
    pub fn ending(mut self, outcome: WorkflowOutcome) -> Self {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.outcome = outcome;
        }
        self
    }

    /// Adds an attempt that begins this long after the last one ended, takes
    /// one minute and succeeds.
    #[must_use]
    pub fn resuming_after(mut self, pause: Duration) -> Self {
        self.attempts.push(Attempt {
            pause,
            duration: Duration::from_mins(1),
            outcome: WorkflowOutcome::Succeeded,
        });
        self
    }

    /// Sets who started it.
    #[must_use]
    pub fn started_by(mut self, principal: Principal) -> Self {
        self.principal = principal;
        self
    }

    /// The progress at `now`, which is not before the start.
    pub(crate) fn progress(&self, now: Timestamp) -> WorkflowProgress<'_> {
        let elapsed = self.elapsed(now);
        let mut ended_at: u64 = 0;
        let mut progress = WorkflowProgress {
            state: "started",
            ended: None,
            error: None,
            is_past_first_task: false,
        };
        for (number, attempt) in self.attempts.iter().enumerate() {
            let start = ended_at.saturating_add(milliseconds(attempt.pause));
            let duration = milliseconds(attempt.duration);
            let is_past_first_task = number > 0;
            if elapsed < start {
                return progress;
            }
            ended_at = start.saturating_add(duration);
            if elapsed < ended_at {
                let permille = u128::from(elapsed - start) * 1000 / u128::from(duration);
                return WorkflowProgress {
                    state: attempt.outcome.state_before_end(permille),
                    ended: None,
                    error: None,
                    is_past_first_task: is_past_first_task || permille >= 500,
                };
            }
            progress = WorkflowProgress {
                state: attempt.outcome.state(),
                ended: Some(self.after(ended_at)),
                error: attempt.outcome.error(),
                is_past_first_task,
            };
        }
        progress
    }

    /// How the run first ended, if it has by `now`.
    pub(crate) fn first_end(&self, now: Timestamp) -> Option<&WorkflowOutcome> {
        let first = self.attempts.first()?;
        let end = milliseconds(first.pause).saturating_add(milliseconds(first.duration));
        (self.elapsed(now) >= end).then_some(&first.outcome)
    }

    /// Milliseconds from the start to `now`.
    fn elapsed(&self, now: Timestamp) -> u64 {
        let elapsed = now.as_millisecond() - self.started.as_millisecond();
        u64::try_from(elapsed).unwrap_or(0)
    }

    /// The time this many milliseconds after the start.
    fn after(&self, elapsed: u64) -> Timestamp {
        super::at(
            self.started
                .as_millisecond()
                .saturating_add_unsigned(elapsed),
        )
    }
}

impl WorkflowOutcome {
    /// The name in the API of the state after it.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Stopped => "stopped",
            Self::Canceled => "canceled",
        }
    }

    fn state_before_end(&self, permille: u128) -> &'static str {
        match (self, permille) {
            (Self::Canceled, _) | (_, ..50) => "started",
            (Self::Stopped, 900..) => "stopping",
            _ => "in_progress",
        }
    }

    fn error(&self) -> Option<&WorkflowError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl WorkflowError {
    /// A required file that did not arrive.
    #[must_use]
    pub fn missing_file() -> Self {
        Self {
            attribution: Some(Attribution::Customer),
            error_type: "amperity.workflow.task.courier/missing-files".to_owned(),
            message: "Required files are missing.\nNo file matched \
                      customers/2024-07-01/*.csv before the wait time ended."
                .to_owned(),
        }
    }

    /// A service of the platform that was not available.
    #[must_use]
    pub fn service_unavailable() -> Self {
        Self {
            attribution: Some(Attribution::Platform),
            error_type: "amperity.workflow.task.courier/unavailable".to_owned(),
            message: "A service is temporarily unavailable.".to_owned(),
        }
    }

    /// A feed with more errors than its threshold allows.
    #[must_use]
    pub fn error_threshold() -> Self {
        Self {
            attribution: Some(Attribution::Customer),
            error_type: "amperity.workflow.task.ingest/error-threshold".to_owned(),
            message: "The error threshold of a feed was exceeded.\nSee the feed error log."
                .to_owned(),
        }
    }
}

impl Attribution {
    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Platform => "platform",
        }
    }
}

impl Principal {
    /// Of workflows that a schedule starts.
    #[must_use]
    pub fn schedule() -> Self {
        Self {
            id: "amperity|scheduler".to_owned(),
            name: "Automated workflow".to_owned(),
            email: None,
        }
    }

    /// A person of the tenant.
    #[must_use]
    pub fn person(tenant: &str) -> Self {
        Self {
            id: format!("google-apps|justin.scott@{tenant}.com"),
            name: "Justin Scott".to_owned(),
            email: Some(format!("justin.scott@{tenant}.com")),
        }
    }
}
