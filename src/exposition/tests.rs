//! Whole pages, and that they are valid.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use flate2::bufread::GzDecoder;
use insta::assert_snapshot;
use jiff::Timestamp;

use super::*;
use crate::expectations::Expected;
use crate::feeds::{Failures, Feed, Run, Totals};
use crate::jobs::{File, Files, Job, Rows, State, Table};
use crate::snapshot::{Snapshot, Status};
use crate::telemetry::{Gathered, Telemetry};

mod catalogue;
mod feed_pages;
mod limit;
mod lines;
mod negotiation;
mod openmetrics2;
mod pages;
mod properties;
mod protobuf;
mod sections;

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

/// The job of the API's documentation.
fn documented_job() -> Job {
    Job {
        id: "isj-1f73r9u2".into(),
        workflow_id: Some("wf-20240618-3423-b45".into()),
        tables: vec![Table {
            table: "My table".into(),
            feed: "df-5L6d1veh".into(),
            state: Some(State::Succeeded),
            finished: true,
            rows: Rows {
                read: Some(1000),
                inserted: Some(400),
                updated: Some(200),
                rejected: Some(200),
                errors: Some(200),
            },
            started_at: Some(time(1_717_214_574_433)),
            ended_at: Some(time(1_717_214_577_433)),
            files: Files::from(vec![File {
                file: "cb-20240618-71992-SF3Uz/part0.avro".into(),
                read: Some(1000),
                errors: Some(200),
            }]),
        }],
        merged: 0,
        failure: None,
    }
}

/// The feed of that job after it.
fn documented_feed() -> Feed {
    let mut totals = Totals {
        read: 1000,
        inserted: 400,
        updated: 200,
        rejected: 200,
        errors: 200,
        duration_ms: 3000,
        durations: 1,
        ..Totals::default()
    };
    totals.duration_histogram.observe(3.0);
    totals.runs.insert(State::Succeeded, 1);
    let run = Arc::new(Run {
        job: "isj-1f73r9u2".into(),
        ordered_at: time(1_717_214_577_433),
        started_at: Some(time(1_717_214_574_433)),
        ended_at: Some(time(1_717_214_577_433)),
        state: Some(State::Succeeded),
        rows: documented_job().tables[0].rows,
        files: 1,
        workflow_id: None,
    });
    Feed {
        table: "My table".into(),
        feed: "df-5L6d1veh".into(),
        state: Some(State::Succeeded),
        running_since: None,
        last_run: Some(Arc::clone(&run)),
        recent_runs: [run].into(),
        expected: Expected::default(),
        rule: None,
        failures_since_success: 0,
        last_success: Some(time(1_717_214_577_433)),
        totals,
        failures: Failures::default(),
        created: time(1_717_200_000_500),
    }
}

/// A feed with a value for every family.
fn feed_with_all_lines() -> Feed {
    let mut feed = documented_feed();
    feed.running_since = Some(time(1));
    feed.expected = Expected {
        due: Some(time(1)),
        usual_duration: Some(1.0),
        duration_limit: Some(1.0),
        usual_read_rows: Some(1.0),
        low_read_rows: Some(1.0),
        high_read_rows: Some(1.0),
        usual_error_ratio: Some(0.5),
        error_ratio_limit: Some(0.5),
        usual_rejected_ratio: Some(0.5),
        rejected_ratio_limit: Some(0.5),
        ..Expected::default()
    };
    feed
}

fn snapshot(tenant: &str, jobs: Vec<Job>, feeds: Vec<Feed>) -> Snapshot {
    Snapshot {
        tenant: tenant.into(),
        status: Status {
            up: true,
            last_success: Some(time(1_717_214_600_000)),
            refresh_duration: Some(Duration::from_millis(234)),
            jobs: jobs.len(),
            ..Status::default()
        },
        jobs: jobs.into_iter().map(Arc::new).collect(),
        configured: [].into(),
        feeds: feeds.into(),
        workflows: [].into(),
        workflow_names: Arc::default(),
        ui_url: None,
        files: true,
        created_series: false,
    }
}

fn page(snapshots: &[Snapshot]) -> Page {
    let rendered = snapshots
        .iter()
        .cloned()
        .map(|snapshot| rendered(snapshot, None));
    Page::new(rendered.collect())
}

fn rendered(snapshot: Snapshot, previous: Option<&RenderedSnapshot>) -> Arc<RenderedSnapshot> {
    RenderedSnapshot::new(snapshot.into(), previous).into()
}

/// The page as a scraper reads it, the exporter's own families left out.
fn read(page: &Page, format: Format) -> String {
    text(&page.body(format, Encoding::Identity, &Gathered::default()))
}

fn text(body: &Body) -> String {
    String::from_utf8(body.chunks.concat()).unwrap()
}

/// Decodes exactly one gzip member.
fn gunzip(body: &Body) -> Vec<u8> {
    let bytes = body.chunks.concat();
    let mut decoder = GzDecoder::new(bytes.as_slice());
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    assert_eq!(decoder.into_inner(), b"", "bytes after the member");
    plain
}

/// Decodes any number of zstd frames.
fn unzstd(body: &Body) -> Vec<u8> {
    zstd::stream::decode_all(body.chunks.concat().as_slice()).unwrap()
}
