//! Properties over random histories.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    List(Vec<(u8, i64, bool)>, bool),
    Answer(u8, i64, bool),
    Fail(u8, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Starts from eight days ago to a minute ahead.
    let start = -11_520_i64..2;
    let listed = prop::collection::vec((any::<u8>(), start.clone(), any::<bool>()), 0..6);
    let step = prop_oneof![
        (0_u64..200).prop_map(Step::Wait),
        (listed, any::<bool>()).prop_map(|(jobs, whole)| Step::List(jobs, whole)),
        (any::<u8>(), start, any::<bool>()).prop_map(|(id, at, done)| Step::Answer(id, at, done)),
        (any::<u8>(), any::<bool>()).prop_map(|(id, unknown)| Step::Fail(id, unknown)),
    ];
    prop::collection::vec(step, 0..40)
}

fn play(tenant: &config::Tenant, steps: &[Step]) -> (Known, Timestamp) {
    let mut known = Known::new(tenant);
    let mut now = now();
    let made = |id: u8, at: i64, done: bool, now: Timestamp| {
        let start = now + jiff::SignedDuration::from_mins(at);
        job(&format!("job-{}", id % 12), Some(start), done)
    };
    for step in steps {
        match step {
            Step::Wait(length) => now += minutes(*length),
            Step::List(jobs, whole) => {
                let jobs = jobs.iter().map(|(id, at, done)| made(*id, *at, *done, now));
                known.list(tenant, jobs.collect(), *whole, now);
            }
            Step::Answer(id, at, done) => {
                known.jobs.fetched(made(*id, *at, *done, now), now);
            }
            Step::Fail(id, unknown) => {
                let reason = if *unknown {
                    Reason::NotFound
                } else {
                    Reason::Timeout
                };
                known.jobs.failed(&format!("job-{}", id % 12), reason, now);
            }
        }
        known.jobs.expire(tenant, now);
    }
    (known, now)
}

proptest! {
    #[test]
    fn a_window_is_never_empty_nor_over_seven_days_and_reaches_every_unfinished_job_it_can(
        steps in steps(),
        later in 0_u64..20_000,
    ) {
        let tenant = tenant(&["job-1", "job-2"], Some(DAY));
        let (known, now) = play(&tenant, &steps);
        let now = now + minutes(later);
        let window = known.window(&tenant, now);
        prop_assert!(window.from < window.to);
        prop_assert!(window.to.duration_since(window.from) <= MAX_WINDOW.try_into().unwrap());
        prop_assert!(window.contains(now));
        let earliest = window.to - MAX_WINDOW;
        for entry in known.jobs.entries().map(|(_, entry)| entry) {
            let unfinished = entry.job.as_ref().filter(|job| !job.is_finished());
            if let Some(start) = unfinished.and_then(|job| job.started_at())
                && start >= earliest
            {
                prop_assert!(window.from <= start, "{start} is not in {window:?}");
            }
        }
    }

    #[test]
    fn every_unfinished_job_is_requested_and_no_finished_one_before_its_time(
        steps in steps(),
        later in 0_u64..100,
    ) {
        let tenant = tenant(&["job-1", "job-2", "never"], Some(DAY));
        let (known, now) = play(&tenant, &steps);
        let now = now + minutes(later);
        let due: BTreeSet<Arc<str>> = plan::due(&known.jobs, now, usize::MAX).into_iter().collect();
        for (id, entry) in known.jobs.entries() {
            let rest = entry.requested_at.map(|requested| now.duration_since(requested).unsigned_abs());
            let rested = |long: Duration| rest.is_none_or(|rest| rest >= long);
            if entry.is_settled() {
                prop_assert_eq!(due.contains(id), entry.configured && rested(RECHECK));
            } else if entry.failure == Some(Reason::NotFound) {
                prop_assert_eq!(due.contains(id), rested(UNKNOWN_RECHECK));
            } else if entry.requested_at != Some(now) {
                prop_assert!(due.contains(id), "{id} is not requested");
            }
        }
    }

    #[test]
    fn no_refresh_exceeds_the_limit_and_all_jobs_get_their_turn(
        steps in steps(),
        limit in 1_usize..5,
    ) {
        let tenant = tenant(&["job-1", "job-2", "never"], Some(DAY));
        let (mut known, start) = play(&tenant, &steps);
        let mut now = start + minutes(1);
        let mut missing: BTreeSet<Arc<str>> =
            plan::due(&known.jobs, now, usize::MAX).into_iter().collect();
        // Each turn one more is overdue, so that twice as many turns suffice.
        for _ in 0..2 * known.jobs.entries().count() {
            let due = plan::due(&known.jobs, now, limit);
            prop_assert!(due.len() <= limit);
            for id in due {
                missing.remove(&id);
                known.jobs.failed(&id, Reason::Timeout, now);
            }
            now += Duration::from_secs(1);
        }
        prop_assert!(missing.is_empty(), "never requested: {missing:?}");
    }
}
