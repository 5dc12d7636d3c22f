//! What a refresh costs: rendering a page of 100,000 series in each format and
//! content coding, rendering pages of 1,000 to 1,000,000 series after a refresh in
//! which little has changed, and parsing a job answer of 3 MB, each compared with an
//! alternative. The ratios at the end come from alternating rounds, so that a busy
//! machine slows all of them alike.
//!
//! `cargo bench --bench exposition`

#![expect(clippy::print_stdout, reason = "the ratios are for the terminal")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use amperity_exporter::exposition::{Encoding, Format, Page, RenderedSnapshot, Samples};
use amperity_exporter::jobs::{Files, Job, Rows, State, Table};
use amperity_exporter::snapshot::{Snapshot, Status};
use amperity_exporter::telemetry::{Endpoint, Gathered, Telemetry};
use amperity_exporter::wire;
use anyhow::Result;
use criterion::Criterion;
use jiff::Timestamp;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};
use tokio::time::Instant;

/// Two tables each, so 41 series.
const JOBS: usize = 2440;

/// Two tables with nine series and eleven states each, and the information.
const SERIES_PER_JOB: usize = 41;

/// For 1,000,000 series.
const MANY_JOBS: usize = 24_400;

type Find = fn(&Table) -> Option<f64>;

/// The families of a table that have one series.
const FAMILIES: [(&str, Find); 9] = [
    ("amperity_ingest_read_rows", |table| number(table.rows.read)),
    ("amperity_ingest_inserted_rows", |table| {
        number(table.rows.inserted)
    }),
    ("amperity_ingest_updated_rows", |table| {
        number(table.rows.updated)
    }),
    ("amperity_ingest_rejected_rows", |table| {
        number(table.rows.rejected)
    }),
    ("amperity_ingest_error_rows", |table| {
        number(table.rows.errors)
    }),
    ("amperity_ingest_files", |table| {
        number(Some(table.files.count))
    }),
    ("amperity_ingest_duration_seconds", |table| {
        Some(number(table.duration_ms())? / 1000.0)
    }),
    ("amperity_ingest_started_timestamp_seconds", |table| {
        seconds(table.started_at)
    }),
    ("amperity_ingest_ended_timestamp_seconds", |table| {
        seconds(table.ended_at)
    }),
];

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of rows are far below 2^53"
)]
fn number(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

fn seconds(timestamp: Option<Timestamp>) -> Option<f64> {
    timestamp.map(|timestamp| timestamp.as_duration().as_secs_f64())
}

fn snapshot(jobs: usize) -> Result<Snapshot> {
    let table = |job: usize, table: usize| -> Result<Table> {
        let start = 1_717_214_574_433 + i64::try_from(job)? * 60_001;
        let rows = 1000 + (job * 7919) as u64 % 1_000_000;
        Ok(Table {
            table: format!("Table {table} of source {}", job % 50).into(),
            feed: format!("df-5L6d{:04}{table}", job % 50).into(),
            state: Some(State::Succeeded),
            finished: true,
            rows: Rows {
                read: Some(rows),
                inserted: Some(rows / 2),
                updated: Some(rows / 4),
                rejected: Some(rows / 8),
                errors: Some(0),
            },
            started_at: Some(Timestamp::from_millisecond(start)?),
            ended_at: Some(Timestamp::from_millisecond(start + 93_421)?),
            files: Files::default(),
        })
    };
    let job = |number: usize| -> Result<Arc<Job>> {
        Ok(Arc::new(Job {
            id: format!("isj-20240701-{number:05}-6dcXdk").into(),
            workflow_id: Some(format!("wf-20240701-{number:05}-b45").into()),
            tables: vec![table(number, 1)?, table(number, 2)?],
            merged: 0,
            failure: None,
        }))
    };
    Ok(Snapshot {
        tenant: "socktown".into(),
        status: Status::default(),
        jobs: (0..jobs).map(job).collect::<Result<_>>()?,
        configured: [].into(),
        feeds: [].into(),
        workflows: [].into(),
        workflow_names: Arc::default(),
        ui_url: None,
        files: false,
        created_series: false,
    })
}

/// The same families, built and encoded with the `prometheus` crate: without
/// its registry and vectors, which take many times as long.
fn families_of_the_crate(snapshot: &Snapshot) -> Vec<MetricFamily> {
    let mut families: Vec<MetricFamily> = FAMILIES.map(|(name, _)| family(name)).into();
    let mut states = family("amperity_ingest_state");
    let mut info = family("amperity_ingest_job_info");
    for job in &*snapshot.jobs {
        let tenant = ("tenant", &*snapshot.tenant);
        let id = ("job_id", &*job.id);
        let workflow = (
            "workflow_id",
            job.workflow_id.as_deref().unwrap_or_default(),
        );
        info.mut_metric().push(gauge(&[tenant, id, workflow], 1.0));
        for table in &job.tables {
            let (name, feed) = (("table", &*table.table), ("feed", &*table.feed));
            for ((_, value), family) in FAMILIES.iter().zip(&mut families) {
                if let Some(value) = value(table) {
                    let metric = gauge(&[tenant, id, name, feed], value);
                    family.mut_metric().push(metric);
                }
            }
            for state in State::KNOWN {
                let present = table.state.as_ref() == Some(&state);
                let labels = [tenant, id, name, feed, ("state", state.as_str())];
                let metric = gauge(&labels, f64::from(u8::from(present)));
                states.mut_metric().push(metric);
            }
        }
    }
    families.extend([states, info]);
    families
}

fn with_the_crate(snapshot: &Snapshot) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    TextEncoder::new().encode(&families_of_the_crate(snapshot), &mut out)?;
    Ok(out)
}

fn family(name: &str) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help("Help.".to_owned());
    family.set_field_type(MetricType::GAUGE);
    family
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(pairs.collect());
    metric.set_gauge(gauge);
    metric
}

/// The messages of the protobuf format, for an encoder that is generated.
mod generated {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct MetricFamily {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) help: String,
        #[prost(int32, tag = "3")]
        pub(super) kind: i32,
        #[prost(message, repeated, tag = "4")]
        pub(super) metric: Vec<Metric>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub(super) label: Vec<LabelPair>,
        #[prost(message, tag = "2")]
        pub(super) gauge: Option<Gauge>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct LabelPair {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Gauge {
        #[prost(double, tag = "1")]
        pub(super) value: f64,
    }
}

/// The families of the `prometheus` crate, as protobuf by prost.
fn with_prost(families: &[MetricFamily]) -> Vec<u8> {
    use prost::Message;
    let mut out = Vec::new();
    for family in families {
        let metrics = family.get_metric().iter().map(|metric| {
            let labels = metric.get_label().iter();
            generated::Metric {
                label: labels
                    .map(|label| generated::LabelPair {
                        name: label.name().to_owned(),
                        value: label.value().to_owned(),
                    })
                    .collect(),
                gauge: Some(generated::Gauge {
                    value: metric.get_gauge().get_value(),
                }),
            }
        });
        let message = generated::MetricFamily {
            name: family.name().to_owned(),
            help: family.help().to_owned(),
            kind: 1,
            metric: metrics.collect(),
        };
        // Writing to a Vec cannot fail.
        let _ = message.encode_length_delimited(&mut out);
    }
    out
}

/// An answer of `GET /ingest/jobs/{id}` of about 3 MB.
fn answer() -> String {
    let files: Vec<String> = (0..1500)
        .map(|file| {
            format!(
                r#"{{"file_id":"cb-20240618-71992-SF3Uz/part{file:04}.avro","name":"part{file:04}.avro","read":1{file:04},"errors":{file}}}"#
            )
        })
        .collect();
    let files = files.join(",");
    let tables: Vec<String> = (0..20)
        .map(|table| {
            format!(
                r#"{{"errors":200,"feed_id":"df-5L6d{table}","read":1000,"rejected":200,"updated":200,"started_at":"2024-06-01T04:02:54.433Z","state":"succeeded","ended_at":"2024-06-01T04:02:57.433Z","files":[{files}],"inserted":400,"table_name":"Table {table}","job_id":"isj-1"}}"#
            )
        })
        .collect();
    let tables = tables.join(",");
    format!(r#"{{"id":"isj-1","tables":[{tables}],"workflow_id":"wf-1"}}"#)
}

fn parse(answer: &str) -> Option<Job> {
    let job: wire::Job<'_> = serde_json::from_str(answer).ok()?;
    Job::from_wire(&job)
}

/// Medians of the times of several functions, called in turn.
fn medians(rounds: usize, works: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let mut times = vec![Vec::new(); works.len()];
    for _ in 0..rounds {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let start = Instant::now();
            work();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    times.iter_mut().map(median).collect()
}

/// Renders a page and returns its size in bytes.
fn render(snapshot: &Arc<Snapshot>, format: Format, encoding: Encoding) -> usize {
    let rendered = RenderedSnapshot::new(Arc::clone(snapshot), None);
    let page = Page::new(vec![rendered.into()]);
    page.body(format, encoding, &Gathered::default()).length()
}

fn megabytes(bytes: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let bytes = bytes as f64;
    bytes / 1024.0 / 1024.0
}

fn ratios(snapshot: &Arc<Snapshot>, text: &[u8], answer: &str) {
    let times = medians(
        15,
        &mut [
            &mut || drop(black_box(Samples::text(black_box(snapshot)))),
            &mut || drop(black_box(with_the_crate(black_box(snapshot)))),
            &mut || drop(black_box(black_box(text).to_vec())),
            &mut || drop(black_box(parse(black_box(answer)))),
            &mut || drop(black_box(serde_json::from_str::<serde_json::Value>(answer))),
            &mut || drop(black_box(with_prost(&families_of_the_crate(snapshot)))),
        ],
    );
    let [lines, with_the_crate, copy, parse, value, with_prost] = times[..] else {
        return;
    };
    let (page, answer) = (megabytes(text.len()), megabytes(answer.len()));
    println!("a page of 100,000 series, {page:.1} MiB of text: {lines:.2} ms");
    println!(
        "  prometheus crate {with_the_crate:.2} ms, {:.1} times as long",
        with_the_crate / lines
    );
    println!(
        "  copy of the bytes {copy:.2} ms, the page takes {:.1} times as long",
        lines / copy
    );
    println!("as protobuf with prost {with_prost:.2} ms");
    println!("a job answer of {answer:.1} MiB: {parse:.2} ms");
    println!(
        "  serde_json::Value {value:.2} ms, {:.1} times as long",
        value / parse
    );
}

/// The time to render a page in each form, and its size.
fn forms(snapshot: &Arc<Snapshot>) {
    for format in [Format::Text, Format::Protobuf] {
        for encoding in Encoding::ALL {
            let mut length = 0;
            let times = medians(
                7,
                &mut [&mut || length = black_box(render(snapshot, format, encoding))],
            );
            let (time, length) = (
                times.first().copied().unwrap_or_default(),
                megabytes(length),
            );
            println!("{format:?}, {encoding:?}: {time:.2} ms, {length:.2} MiB");
        }
    }
}

/// The time to publish a page after one refresh, beside that to render all of it.
fn refreshes() -> Result<()> {
    for (format, encoding) in [
        (Format::OpenMetrics, Encoding::Gzip),
        (Format::OpenMetrics, Encoding::Identity),
        (Format::Protobuf, Encoding::Gzip),
    ] {
        println!("{format:?}, {encoding:?}, ms per refresh");
        println!("  series  nothing changed  one job changed  all rendered again");
        for jobs in [24, 244, 2440, MANY_JOBS] {
            refresh(jobs, format, encoding)?;
        }
    }
    Ok(())
}

fn refresh(jobs: usize, format: Format, encoding: Encoding) -> Result<()> {
    let idle = snapshot(jobs)?;
    let mut changed = idle.clone();
    let jobs: &mut [Arc<Job>] = Arc::make_mut(&mut changed.jobs);
    if let Some(table) = jobs
        .last_mut()
        .and_then(|job| Arc::make_mut(job).tables.first_mut())
    {
        table.state = Some(State::Failed);
    }
    let before = Arc::new(RenderedSnapshot::new(idle.clone().into(), None));
    let page = Page::new(vec![Arc::clone(&before)]);
    let all = medians(
        3,
        &mut [&mut || _ = black_box(render(before.snapshot(), format, encoding))],
    );
    let _ = page.body(format, encoding, &Gathered::default());
    let after = |snapshot: &Snapshot| {
        let mut snapshot = snapshot.clone();
        snapshot.status.requests += 1;
        let rendered = RenderedSnapshot::new(snapshot.into(), Some(&before));
        drop(black_box(page.succeeded_by(vec![rendered.into()])));
    };
    let times = medians(9, &mut [&mut || after(&idle), &mut || after(&changed)]);
    let series = idle.jobs.len() * SERIES_PER_JOB;
    let [nothing, one] = times[..] else {
        return Ok(());
    };
    println!(
        "{series:8}  {nothing:15.3}  {one:15.3}  {:18.3}",
        all.first().copied().unwrap_or_default()
    );
    Ok(())
}

fn main() -> Result<()> {
    let snapshot = Arc::new(snapshot(JOBS)?);
    let text = Samples::text(&snapshot).bytes;
    let series = text.split(|byte| *byte == b'\n').count();
    anyhow::ensure!((100_000..101_000).contains(&series), "{series} series");
    let answer = answer();
    anyhow::ensure!(parse(&answer).is_some(), "an answer that cannot be read");
    let page = Page::new(vec![
        RenderedSnapshot::new(Arc::clone(&snapshot), None).into(),
    ]);
    let telemetry = Telemetry::new()?;
    let tenant = telemetry.tenant("socktown");
    for endpoint in Endpoint::ALL {
        tenant.request(endpoint, Some(200), Duration::from_millis(300));
    }
    let own = telemetry.gather(|_| true);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("scrape");
    group.bench_function("gather", |bencher| {
        bencher.iter(|| telemetry.gather(|_| true));
    });
    for format in [Format::OpenMetrics, Format::Protobuf] {
        for encoding in Encoding::ALL {
            group.bench_function(format!("{format:?} {encoding:?}"), |bencher| {
                bencher.iter(|| page.body(format, encoding, &own));
            });
        }
    }
    group.finish();
    ratios(&snapshot, &text, &answer);
    forms(&snapshot);
    refreshes()
}
