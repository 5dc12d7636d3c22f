//! Whose failure a failure is.

use super::super::harvest::{Harvest, Listed};
use super::*;
use crate::amperity::ApiError;

fn failed(reason: Reason) -> ApiError {
    ApiError::new(reason, "as the test wants it")
}

fn cut_short() -> ApiError {
    ApiError {
        cut_short: true,
        ..failed(Reason::Timeout)
    }
}

/// What a refresh brought about some jobs by id: answers and failures.
fn harvest(answers: usize, failures: &[Reason]) -> Harvest {
    let mut harvest = Harvest::new(now());
    for _ in 0..answers {
        harvest.heard();
    }
    for reason in failures {
        harvest.job_failed(failed(*reason));
    }
    harvest
}

/// Why a refresh of a tenant that knows two good jobs failed, if it did.
fn verdict(mut harvest: Harvest) -> Option<Reason> {
    let mut known = knowing(&tenant(&["a", "b"], None));
    for id in ["a", "b"] {
        known.fetched(job(id, Some(ago(DAY)), false), now());
    }
    harvest.judge(&known);
    harvest.failure.map(|error| error.reason)
}

#[test]
fn a_failure_beside_an_answer_is_the_jobs_own_unless_the_next_would_meet_it_too() {
    let of_tenant: Vec<Reason> = Reason::ALL
        .into_iter()
        .filter(|reason| verdict(harvest(1, &[*reason])).is_some())
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
fn a_single_failure_without_an_answer_is_the_jobs_own_only_if_it_speaks_of_the_job() {
    let of_job: Vec<Reason> = Reason::ALL
        .into_iter()
        .filter(|reason| verdict(harvest(0, &[*reason])).is_none())
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
fn two_failures_and_no_answer_are_the_tenants() {
    let two = harvest(0, &[Reason::Malformed, Reason::TooLarge]);
    assert_eq!(verdict(two), Some(Reason::Malformed));
    let unknown_ids = harvest(0, &[Reason::NotFound, Reason::NotFound]);
    assert_eq!(verdict(unknown_ids), None, "they are answers");
}

#[test]
fn what_there_was_no_time_for_fails_nothing_unless_it_was_all() {
    let mut some = harvest(1, &[]);
    some.job_failed(cut_short());
    assert!(some.is_hopeless(), "the time is up");
    assert_eq!(verdict(some), None);
    let mut all = harvest(0, &[]);
    all.job_failed(cut_short());
    assert_eq!(verdict(all), Some(Reason::Timeout));
}

#[test]
fn a_tenant_of_which_nothing_is_known_fails_with_its_only_job() {
    let mut harvest = harvest(1, &[Reason::Malformed]);
    harvest.judge(&knowing(&tenant(&["a"], None)));
    assert!(harvest.failure.is_some());
}

#[test]
fn asking_on_ends_after_one_silence_or_after_eight_in_a_row_where_something_was_heard() {
    assert!(harvest(0, &[Reason::Timeout]).is_hopeless());
    assert!(!harvest(1, &[Reason::Timeout; 7]).is_hopeless());
    assert!(harvest(1, &[Reason::Timeout; 8]).is_hopeless());
    let mut answered = harvest(1, &[Reason::Unreachable; 7]);
    answered.heard();
    answered.job_failed(failed(Reason::Unreachable));
    assert!(!answered.is_hopeless());
    assert!(!harvest(0, &[Reason::ServerError; 9]).is_hopeless());
}

#[test]
fn after_a_list_that_failed_jobs_are_asked_for_only_if_they_may_fare_better() {
    for reason in Reason::ALL {
        let mut harvest = harvest(0, &[]);
        harvest.list_failed(failed(reason));
        assert_eq!(harvest.listed, Listed::Failed);
        let may = matches!(
            reason,
            Reason::ServerError | Reason::Malformed | Reason::TooLarge
        );
        assert_eq!(!harvest.is_hopeless(), may, "{reason}");
        harvest.job_failed(failed(reason));
        assert!(harvest.is_hopeless(), "{reason}: as the list did");
    }
}
