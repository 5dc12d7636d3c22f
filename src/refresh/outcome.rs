//! The results of the requests of one refresh, and whether an error counts
//! against a job or its tenant. Pure.
//!
//! [`super::cycle`] fills it in, [`super::tenant_state`] uses it.

use jiff::Timestamp;

use super::known_jobs::KnownJobs;
use crate::amperity::ApiError;
use crate::telemetry::Reason;

/// After this many failures in a row no further job is requested: it is not
/// the single jobs that are at fault.
const MAX_FAILURES: usize = 8;

/// The result of listing jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// There is no discovery.
    Nothing,
    /// Not all that had to be listed was: jobs that were not in an answer may
    /// have changed.
    Incomplete,
    /// The time since the last list, or since the oldest unfinished job.
    Recent,
    /// All of the configured window.
    Whole,
}

/// The results of the requests of one refresh.
#[derive(Debug)]
pub(super) struct RefreshOutcome {
    /// The time by the API's clock at which the answers are noted.
    pub(super) now: Timestamp,
    /// The failure of the list, or one of a single job that counts against the
    /// tenant.
    pub(super) failure: Option<ApiError>,
    pub(super) listed: Listed,
    /// Entries of lists that could not be read as jobs.
    pub(super) malformed: usize,
    /// The first failure that counts against one job only.
    pub(super) job_failure: Option<ApiError>,
    /// How many there were, unknown ids not counted.
    job_failures: usize,
    /// Failures since the last answer, of the network.
    network_failures_in_a_row: usize,
    /// Whether there was any answer at all.
    answered: bool,
    /// Whether there was one to a request for a single job.
    job_answered: bool,
    /// Failures of single jobs after which no further one is requested, while
    /// none was answered.
    max_failures: usize,
    /// Whether a job failed for the same reason as the list.
    failed_like_the_list: bool,
    /// The first request for a job that this refresh had no time for.
    out_of_time: Option<ApiError>,
    /// Table entries that were merged into another of their job.
    pub(super) merged: u64,
    /// Requests sent.
    pub(super) requests: u64,
}

impl RefreshOutcome {
    /// The outcome of a refresh that begins. `cautious` if the requests for
    /// single jobs all failed the last time: then one failure ends them.
    pub(super) fn new(now: Timestamp, cautious: bool) -> Self {
        Self {
            now,
            max_failures: if cautious { 1 } else { MAX_FAILURES },
            job_answered: false,
            failure: None,
            listed: Listed::Nothing,
            malformed: 0,
            job_failure: None,
            job_failures: 0,
            network_failures_in_a_row: 0,
            answered: false,
            failed_like_the_list: false,
            out_of_time: None,
            merged: 0,
            requests: 0,
        }
    }

    /// Notes an answer to a list, whatever it contains.
    pub(super) fn list_answered(&mut self) {
        self.answered = true;
    }

    /// Notes an answer about a single job, whatever it contains.
    pub(super) fn job_answered(&mut self) {
        self.answered = true;
        self.job_answered = true;
        self.network_failures_in_a_row = 0;
    }

    /// Whether anything was answered.
    pub(super) fn has_answer(&self) -> bool {
        self.answered
    }

    /// Whether single jobs were requested and none was answered.
    pub(super) fn all_jobs_failed(&self) -> bool {
        self.job_failures > 0 && !self.job_answered
    }

    /// How many single jobs to request at the same time.
    pub(super) fn concurrency(&self) -> usize {
        if self.job_answered {
            MAX_FAILURES
        } else {
            self.max_failures
        }
    }

    /// Notes that a single job could not be fetched.
    pub(super) fn job_failed(&mut self, error: ApiError) {
        let failure = self.failure.as_ref();
        self.failed_like_the_list |= failure.is_some_and(|list| list.reason == error.reason);
        if error.deadline_exceeded {
            self.out_of_time.get_or_insert(error);
        } else if scope(error.reason) == Scope::Tenant {
            self.failure.get_or_insert(error);
        } else if error.reason == Reason::NotFound {
            // An unknown id is an answer as well.
            self.job_answered();
            self.job_failure.get_or_insert(error);
        } else {
            let network = scope(error.reason) == Scope::Network;
            self.network_failures_in_a_row += usize::from(network);
            if self.job_failures == 0 {
                self.job_failure = Some(error);
            }
            self.job_failures += 1;
        }
    }

    /// Whether to stop requesting single jobs: the time is up, or they would
    /// fail as the list or other jobs did. As long as nothing was answered, one
    /// failure of the network is enough.
    pub(super) fn should_stop(&self) -> bool {
        let network_failures = if self.answered { MAX_FAILURES } else { 1 };
        let fails_all = |error: &ApiError| match scope(error.reason) {
            // A URL without the list has no jobs either.
            Scope::Tenant | Scope::Network | Scope::Address => true,
            Scope::Server | Scope::Answer => false,
        };
        self.out_of_time.is_some()
            || self.failed_like_the_list
            || self.network_failures_in_a_row >= network_failures
            || (!self.job_answered && self.job_failures >= self.max_failures)
            || self.failure.as_ref().is_some_and(fails_all)
    }

    /// Whether nothing was requested.
    pub(super) fn is_empty(&self) -> bool {
        let failed = self.failure.is_some() || self.job_failures > 0 || self.out_of_time.is_some();
        !self.answered && !failed
    }

    /// Decides whether the refresh failed. Failures that count against one job
    /// only fail it if no job at all is known, or if nothing else was answered
    /// and they are more than one, the network's or the server's, those of all
    /// known jobs, or the last refresh failed as well.
    pub(super) fn decide(&mut self, known: &KnownJobs, was_up: bool) {
        if self.failure.is_some() {
            return;
        }
        if !self.answered && self.job_failures == 0 {
            self.failure = self.out_of_time.take();
            return;
        }
        let beyond_one_job =
            |error: &ApiError| matches!(scope(error.reason), Scope::Server | Scope::Network);
        let of_all = self.job_failures > 1
            || self.job_failure.as_ref().is_some_and(beyond_one_job)
            || known.all_fail()
            || !was_up;
        if self.job_failures > 0 && (known.is_empty() || !self.answered && of_all) {
            self.failure = self.job_failure.take();
        }
    }
}

/// What a failure tells us about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The tenant: the next request would fail in the same way.
    Tenant,
    /// There was no answer. The cause may be one slow job or an API that cannot
    /// be reached.
    Network,
    /// What was requested, or where.
    Address,
    /// The API's server.
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
