//! What the questions of one refresh brought, and whose failure a failure is:
//! a job's, or the tenant's. Pure.
//!
//! [`super::cycle`] gathers it, [`super::core`] draws the conclusions.

use jiff::Timestamp;

use super::known::Known;
use crate::amperity::ApiError;
use crate::telemetry::Reason;

/// So many failures of the network in a row, and no more is asked: it is not
/// the single jobs that are slow.
const SILENCE: usize = 8;

/// What became of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// There is no discovery.
    Nothing,
    /// Other jobs may have changed than those that were answered.
    Failed,
    /// The time since the last list, or since the oldest unfinished job.
    Part,
    /// All of the configured window.
    Whole,
}

/// What the questions of one refresh brought.
#[derive(Debug)]
pub(super) struct Harvest {
    /// The time by the API's clock that the answers are noted with.
    pub(super) now: Timestamp,
    /// The list's failure, or one of a single job that is the tenant's.
    pub(super) failure: Option<ApiError>,
    pub(super) listed: Listed,
    /// Entries of the list that are no jobs; `None` if that cannot be said.
    pub(super) unreadable: Option<usize>,
    /// The first failure that speaks of one job alone.
    pub(super) job_failure: Option<ApiError>,
    /// How many there were, unknown ids left out.
    job_failures: usize,
    /// Failures of the network since the last answer.
    silence: usize,
    /// Whether there was an answer, of whatever content.
    heard: bool,
    /// Whether a job failed as the list did, which is not that job's affair.
    as_the_list: bool,
    /// The first question by id that this refresh had no time for.
    cut_short: Option<ApiError>,
    /// Table entries that were merged into another of their job.
    pub(super) merged: u64,
}

impl Harvest {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            failure: None,
            listed: Listed::Nothing,
            unreadable: None,
            job_failure: None,
            job_failures: 0,
            silence: 0,
            heard: false,
            as_the_list: false,
            cut_short: None,
            merged: 0,
        }
    }

    /// Notes an answer, of whatever content.
    pub(super) fn heard(&mut self) {
        self.heard = true;
        self.silence = 0;
    }

    /// Notes that the list could not be had.
    pub(super) fn list_failed(&mut self, error: ApiError) {
        self.listed = Listed::Failed;
        self.failure = Some(error);
    }

    /// Notes that a single job could not be had.
    pub(super) fn job_failed(&mut self, error: ApiError) {
        let failure = self.failure.as_ref();
        self.as_the_list |= failure.is_some_and(|list| list.reason == error.reason);
        if error.cut_short {
            self.cut_short.get_or_insert(error);
        } else if scope(error.reason) == Scope::Tenant {
            self.failure.get_or_insert(error);
        } else if error.reason == Reason::NotFound {
            // An unknown id is an answer.
            self.heard();
            self.job_failure.get_or_insert(error);
        } else {
            self.silence += usize::from(scope(error.reason) == Scope::Network);
            if self.job_failures == 0 {
                self.job_failure = Some(error);
            }
            self.job_failures += 1;
        }
    }

    /// Whether it is no use to ask for (further) single jobs: the time is up, or
    /// they would fail as the list or others did. Where nothing was heard at
    /// all, one silence is enough to think so.
    pub(super) fn is_hopeless(&self) -> bool {
        let patience = if self.heard { SILENCE } else { 1 };
        let fails_all = |error: &ApiError| match scope(error.reason) {
            // An address at which there is no list will not know any job either.
            Scope::Tenant | Scope::Network | Scope::Address => true,
            Scope::Server | Scope::Answer => false,
        };
        self.cut_short.is_some()
            || self.as_the_list
            || self.silence >= patience
            || self.failure.as_ref().is_some_and(fails_all)
    }

    /// Whether nothing was asked.
    pub(super) fn is_untouched(&self) -> bool {
        let failed = self.failure.is_some() || self.job_failures > 0 || self.cut_short.is_some();
        !self.heard && !failed
    }

    /// Decides whether the refresh failed. Failures that speak of one job
    /// alone fail it if no job at all is known, or if nothing else was heard
    /// and they are more than one, the network's or the server's, or those of
    /// all known jobs.
    pub(super) fn judge(&mut self, known: &Known) {
        if self.failure.is_some() {
            return;
        }
        if !self.heard && self.job_failures == 0 {
            self.failure = self.cut_short.take();
            return;
        }
        let not_its_own =
            |error: &ApiError| matches!(scope(error.reason), Scope::Server | Scope::Network);
        let of_all = self.job_failures > 1
            || self.job_failure.as_ref().is_some_and(not_its_own)
            || known.all_fail();
        if self.job_failures > 0 && (known.is_empty() || !self.heard && of_all) {
            self.failure = self.job_failure.take();
        } else if known.is_empty() {
            let unreadable = self.unreadable.filter(|count| *count > 0);
            self.failure = unreadable.map(malformed_entries);
        }
    }
}

/// What a failure speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The next question would meet the same.
    Tenant,
    /// There was no answer at all. One slow job does it, and so does an API
    /// that cannot be reached.
    Network,
    /// What was asked for, or where.
    Address,
    /// The API's own trouble.
    Server,
    /// This one answer.
    Answer,
}

fn scope(reason: Reason) -> Scope {
    match reason {
        Reason::Tls | Reason::Unauthorized | Reason::Forbidden | Reason::RateLimited => {
            Scope::Tenant
        }
        Reason::Unreachable | Reason::Timeout => Scope::Network,
        Reason::NotFound | Reason::BadRequest => Scope::Address,
        Reason::ServerError => Scope::Server,
        Reason::Malformed | Reason::TooLarge => Scope::Answer,
    }
}

fn malformed_entries(count: usize) -> ApiError {
    ApiError::new(
        Reason::Malformed,
        format!(
            "{count} entries of GET ingest/jobs could not be read as jobs, and no job is known; \
             check base_url and api.version, and look for a newer exporter"
        ),
    )
}
