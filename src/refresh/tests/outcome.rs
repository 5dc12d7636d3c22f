//! Whether an error counts against a job or its tenant.

use super::super::outcome::RefreshOutcome;
use super::*;
use crate::amperity::ApiError;

fn failed(reason: Reason) -> ApiError {
    ApiError::new(reason, "for the test")
}

fn deadline_exceeded() -> ApiError {
    ApiError {
        deadline_exceeded: true,
        ..failed(Reason::Timeout)
    }
}

/// What a refresh brought about some jobs by id: answers and failures.
fn outcome(answers: usize, failures: &[Reason]) -> RefreshOutcome {
    let mut outcome = RefreshOutcome::new(now(), false);
    for _ in 0..answers {
        outcome.job_answered();
    }
    for reason in failures {
        outcome.job_failed(failed(*reason));
    }
    outcome
}

/// Why a refresh of a tenant that knows two good jobs failed, if it did.
fn verdict(mut outcome: RefreshOutcome) -> Option<Reason> {
    let mut known = Known::new(&tenant(&["a", "b"], None)).jobs;
    for id in ["a", "b"] {
        known.fetched(job(id, Some(ago(DAY)), false), now());
    }
    outcome.decide(&known, true);
    outcome.failure.map(|error| error.reason)
}

#[test]
fn a_failure_beside_an_answer_counts_against_the_job_unless_all_requests_would_fail_alike() {
    let of_tenant: Vec<Reason> = Reason::ALL
        .into_iter()
        .filter(|reason| verdict(outcome(1, &[*reason])).is_some())
        .collect();
    let expected = [
        Reason::Forbidden,
        Reason::RateLimited,
        Reason::Tls,
        Reason::Unauthorized,
    ];
    assert_eq!(BTreeSet::from_iter(of_tenant), BTreeSet::from(expected));
}

#[test]
fn a_single_failure_without_an_answer_counts_against_the_job_only_if_it_is_about_the_job() {
    let of_job: Vec<Reason> = Reason::ALL
        .into_iter()
        .filter(|reason| verdict(outcome(0, &[*reason])).is_none())
        .collect();
    let expected = [
        Reason::BadRequest,
        Reason::Malformed,
        Reason::NotFound,
        Reason::TooLarge,
    ];
    assert_eq!(BTreeSet::from_iter(of_job), BTreeSet::from(expected));
}

#[test]
fn two_failures_and_no_answer_count_against_the_tenant() {
    let two = outcome(0, &[Reason::Malformed, Reason::TooLarge]);
    assert_eq!(verdict(two), Some(Reason::Malformed));
    let unknown_ids = outcome(0, &[Reason::NotFound, Reason::NotFound]);
    assert_eq!(verdict(unknown_ids), None, "they are answers");
}

#[test]
fn requests_without_time_fail_nothing_unless_all_were() {
    let mut some = outcome(1, &[]);
    some.job_failed(deadline_exceeded());
    assert!(some.should_stop(), "the time is up");
    assert_eq!(verdict(some), None);
    let mut all = outcome(0, &[]);
    all.job_failed(deadline_exceeded());
    assert_eq!(verdict(all), Some(Reason::Timeout));
}

#[test]
fn a_tenant_without_known_jobs_fails_with_its_only_job() {
    let mut outcome = outcome(1, &[Reason::Malformed]);
    outcome.decide(&Known::new(&tenant(&["a"], None)).jobs, true);
    assert!(outcome.failure.is_some());
}

#[test]
fn requests_end_after_one_network_failure_or_after_eight_in_a_row_where_something_was_answered() {
    assert!(outcome(0, &[Reason::Timeout]).should_stop());
    assert!(!outcome(1, &[Reason::Timeout; 7]).should_stop());
    assert!(outcome(1, &[Reason::Timeout; 8]).should_stop());
    let mut answered = outcome(1, &[Reason::Unreachable; 7]);
    answered.job_answered();
    answered.job_failed(failed(Reason::Unreachable));
    assert!(!answered.should_stop());
}

#[test]
fn requests_end_after_eight_failures_of_any_kind_unless_a_job_was_answered() {
    assert!(!outcome(0, &[Reason::ServerError; 7]).should_stop());
    assert!(outcome(0, &[Reason::ServerError; 8]).should_stop());
    assert!(!outcome(1, &[Reason::ServerError; 9]).should_stop());
}

#[test]
fn after_a_list_that_failed_jobs_are_requested_only_if_they_may_succeed() {
    for reason in Reason::ALL {
        let mut outcome = outcome(0, &[]);
        outcome.failure = Some(failed(reason));
        let may = matches!(
            reason,
            Reason::ServerError | Reason::Malformed | Reason::TooLarge
        );
        assert_eq!(!outcome.should_stop(), may, "{reason}");
        outcome.job_failed(failed(reason));
        assert!(outcome.should_stop(), "{reason}: as the list did");
    }
}

#[test]
fn after_a_refresh_in_which_every_job_failed_one_failure_ends_the_requests() {
    let mut cautious = RefreshOutcome::new(now(), true);
    assert_eq!(cautious.concurrency(), 1);
    cautious.job_failed(failed(Reason::ServerError));
    assert!(cautious.should_stop() && cautious.all_jobs_failed());
    let mut recovered = RefreshOutcome::new(now(), true);
    recovered.job_answered();
    recovered.job_failed(failed(Reason::ServerError));
    assert!(!recovered.should_stop() && !recovered.all_jobs_failed());
    assert_eq!(recovered.concurrency(), 8);
}

#[test]
fn a_failed_tenant_stays_failed_until_something_is_answered() {
    let mut known = Known::new(&tenant(&["a", "b"], None)).jobs;
    known.fetched(job("a", Some(ago(DAY)), false), now());
    let verdict = |answers, was_up| {
        let mut outcome = outcome(answers, &[Reason::Malformed]);
        outcome.decide(&known, was_up);
        outcome.failure.is_some()
    };
    assert!(verdict(0, false));
    assert!(!verdict(0, true) && !verdict(1, false));
}
