//! What must hold for any input, for the fuzzers in `fuzz/` and for the tests,
//! which try the inputs in `fuzz/seeds/`.
//!
//! Each function takes the bytes of one input and panics if a promise is broken.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is what a fuzzer looks for"
)]

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::amperity::grant::check_answer;
use crate::backfill::{JobsFile, Records, first_time};
use crate::config;
use crate::exposition::parser;
use crate::exposition::{Encoding, Format, Page, RenderedSnapshot, limit_page, negotiate};
use crate::feeds::{FeedId, RunHistory, Totals};
use crate::jobs::Job;
use crate::snapshot::Snapshot;
use crate::telemetry::Gathered;
use crate::web::WebSecurity;
use crate::web::query::{Query, encode};
use crate::wire;

/// The text used as a secret in the seeds.
const SECRET: &str = "S3CRET/hunter2==";

/// The page limit that is tried, in bytes, and how much more a page may have:
/// the size of its lines is an estimate.
const PAGE_LIMIT: u64 = 64 << 10;
const PAGE_TOLERANCE: u64 = 16 << 10;

/// The latest possible time of observation, so that no run is in the future.
const NOW: Timestamp = Timestamp::constant(4_102_444_800, 0);

/// The answer to a request for jobs, a list or a single one.
pub fn jobs(data: &[u8]) {
    let mut jobs = Vec::new();
    let listed = wire::read_list(data, |entry| jobs.extend(entry.and_then(Job::from_wire)));
    if listed.is_err() {
        jobs.extend(wire::read_job(data, Job::from_wire).ok().flatten());
    }
    let history = check_history(RunHistory::new(), &jobs);
    let by_id: BTreeMap<_, _> = jobs.into_iter().map(|job| (job.id.clone(), job)).collect();
    let snapshot = Snapshot {
        feeds: history.feeds().into(),
        jobs: by_id.into_values().map(Arc::new).collect(),
        files: true,
        ..Snapshot::empty("acme".into())
    };
    check_page(snapshot);
}

/// The answer to a request for runs of workflows, a list or a single one.
pub fn workflows(data: &[u8]) {
    let mut runs = Vec::new();
    let mut read = |run: &wire::WorkflowRun<'_>| {
        let Some(job) = Job::from_wire_workflow(run) else {
            return;
        };
        if let Some(failure) = &job.failure {
            let mail = run.principal_email.as_deref().map_or("", str::trim);
            let is_mail = mail.contains('@') && !mail.contains(char::is_whitespace);
            assert!(!is_mail || !failure.message.contains(mail), "{failure:?}");
        }
        runs.push(job);
    };
    let listed = wire::read_workflows(data, |entry| entry.into_iter().for_each(&mut read));
    if listed.is_err() {
        let _unreadable = wire::read_workflow(data, read);
    }
    let history = check_history(RunHistory::of_workflows(), &runs);
    let snapshot = Snapshot {
        workflows: history.feeds().into(),
        ..Snapshot::empty("acme".into())
    };
    check_page(snapshot);
}

/// Runs are counted once, however often and in whichever order they come. Returns
/// the history after them.
fn check_history(mut history: RunHistory, jobs: &[Job]) -> RunHistory {
    history.observe([], Timestamp::UNIX_EPOCH);
    history.observe(jobs, NOW);
    let first = totals(&history);
    history.observe(jobs.iter().rev(), NOW);
    history.observe(jobs, NOW);
    let again = totals(&history);
    for (feed, before) in &first {
        let after = again.get(feed);
        assert!(
            after.is_some_and(|after| !has_fallen(before, after)),
            "{feed:?}"
        );
    }
    history.observe(jobs, NOW);
    assert_eq!(again, totals(&history));
    history
}

fn totals(history: &RunHistory) -> BTreeMap<FeedId, Totals> {
    let feeds = history.feeds().into_iter();
    let totals = feeds.map(|feed| (FeedId::new(&feed.table, &feed.feed), feed.totals));
    totals.collect()
}

fn has_fallen(before: &Totals, after: &Totals) -> bool {
    let amounts = |of: &Totals| {
        let rows = [of.read, of.inserted, of.updated, of.rejected, of.errors];
        rows.into_iter().chain([of.duration_ms, of.durations])
    };
    let runs = |(state, count)| after.runs.get(state).is_none_or(|after| after < count);
    let mut pairs = amounts(before).zip(amounts(after));
    before.runs.iter().any(runs) || pairs.any(|(before, after)| after < before)
}

/// Every page can be parsed, has no series twice, and is about as large as its
/// limit at the most.
fn check_page(mut snapshot: Snapshot) {
    for limited in [false, true] {
        if limited {
            let _any_left_out = limit_page(&mut snapshot, PAGE_LIMIT);
        }
        let rendered = RenderedSnapshot::new(Arc::new(snapshot.clone()), None);
        let page = Page::new(vec![Arc::new(rendered)]);
        for format in [Format::Text, Format::OpenMetrics, Format::OpenMetrics2] {
            let body = page.body(format, Encoding::Identity, &Gathered::default());
            let length = body.length() as u64;
            assert!(
                !limited || length <= PAGE_LIMIT + PAGE_TOLERANCE,
                "{length} bytes"
            );
            let text = String::from_utf8(body.chunks.concat());
            let problem = text.map_err(|error| error.to_string());
            let problem = problem.and_then(|text| parser::parse(&text, format)).err();
            assert_eq!(problem, None);
        }
    }
}

/// The answer of a token endpoint, and the token in it.
pub fn token(data: &[u8]) {
    check_answer(data, NOW);
}

/// A configuration file.
pub fn configuration(data: &[u8]) {
    let file = file_of(data);
    match config::load(&file) {
        Ok(settings) => assert_eq!(config::load(&file), Ok(settings)),
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
}

/// A web configuration file.
pub fn web_configuration(data: &[u8]) {
    if let Err(error) = WebSecurity::from_file(&file_of(data)) {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

/// A file with these bytes, overwritten by the next call of this thread.
fn file_of(data: &[u8]) -> PathBuf {
    let name = format!("amperity_exporter-{:?}.yml", std::thread::current().id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, data).expect("the folder for temporary files can be written to");
    file
}

/// The headers `Accept` and `Accept-Encoding`, a line each.
pub fn negotiation(data: &[u8]) {
    let text = String::from_utf8_lossy(data).to_ascii_lowercase();
    let (accept, accept_encoding) = text.split_once('\n').unwrap_or((&text, ""));
    let chosen = negotiate(Some(accept), Some(accept_encoding));
    let content_type = chosen.content_type.as_str();
    let media_type = content_type.split(';').next().unwrap_or_default();
    assert!(media_type == "text/plain" || accept.contains(media_type));
    let identity = chosen.encoding == Encoding::Identity;
    let name = format!("{:?}", chosen.encoding).to_ascii_lowercase();
    assert!(identity || accept_encoding.contains(&name) || accept_encoding.contains('*'));
}

/// The query of a request.
pub fn query(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let query = Query::parse(Some(text));
        for value in query.all("tenant") {
            let encoded = format!("tenant={}", encode(value));
            assert_eq!(
                Query::parse(Some(&encoded)).one("tenant").ok(),
                Some(value).filter(|value| !value.is_empty())
            );
        }
    }
}

/// A file for `backfill`.
pub fn jobs_file(data: &[u8]) {
    for records in [Records::Jobs, Records::WorkflowRuns] {
        let jobs = JobsFile::new(BufReader::new(data), records);
        let jobs = jobs.map_while(Result::ok);
        let starts: Vec<_> = jobs.map(|job| first_time(&job)).collect();
        assert!(starts.is_sorted() && starts.iter().all(Option::is_some));
        assert!(starts.len() as u64 <= wire::objects(data));
    }
}

/// The rows of a state database that were tampered with or damaged.
pub fn state_rows(data: &[u8]) {
    crate::feeds::store::check_changed_row(data);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Tries every seed, also with one of its first bytes left out.
    fn try_seeds(target: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/seeds")
            .join(target);
        let mut seeds = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let seed = std::fs::read(entry.unwrap().path()).unwrap();
            check(&seed);
            for left_out in 0..seed.len().min(50) {
                check(&[&seed[..left_out], &seed[left_out + 1..]].concat());
            }
            seeds += 1;
        }
        assert!(seeds > 0);
    }

    /// A test per fuzzer.
    macro_rules! seeds_of {
        ($($name:ident: $target:ident;)*) => {
            $( #[test] fn $name() { try_seeds(stringify!($target), $target); } )*
        };
    }

    seeds_of! {
        seeds_of_jobs_hold: jobs;
        seeds_of_workflows_hold: workflows;
        seeds_of_token_answers_hold: token;
        seeds_of_configurations_hold: configuration;
        seeds_of_web_configurations_hold: web_configuration;
        seeds_of_negotiation_hold: negotiation;
        seeds_of_queries_hold: query;
        seeds_of_jobs_files_hold: jobs_file;
        seeds_of_state_rows_hold: state_rows;
    }
}
