//! The sample lines of one snapshot, family by family. The page adds the
//! headers, because the lines of all tenants follow one header.
//!
//! The lines of a gauge are the same in both formats and written once; those
//! of counters and summaries differ by the `_created` lines.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Format;
use super::catalogue::expectations::{EXPECTATION_GAUGES, FEED_INFO};
use super::catalogue::feeds::{FEED_COUNTERS, FEED_DURATION, FEED_GAUGES, FEED_RUNS, FEED_STATE};
use super::catalogue::jobs::{
    FILE_ERROR_ROWS, FILE_READ_ROWS, JOB_INFO, JOB_UP, PROBE_DURATION, PROBE_SUCCESS, TABLE_GAUGES,
    TABLE_STATE,
};
use super::catalogue::tenants::TENANT_GAUGES;
use super::catalogue::{Family, Gauge};
use super::pieces::{FamilyRanges, Ranges};
use super::writer::{Value, write_label, write_sample};
use crate::config::Severity;
use crate::feeds::Feed;
use crate::jobs::{File, Job, State, Table};
use crate::snapshot::Snapshot;

/// The sample lines of a snapshot.
#[derive(Debug)]
pub struct SampleLines {
    /// All lines.
    pub text: Vec<u8>,
    /// The ranges of each family's lines.
    pub(super) families: Ranges,
}

/// An item with series, and the labels they share, without braces.
pub(super) struct Row<'a, T> {
    pub(super) labels: Vec<u8>,
    pub(super) item: &'a T,
}

impl SampleLines {
    /// Writes a snapshot.
    #[must_use]
    pub fn write(snapshot: &Snapshot) -> Self {
        let tables = table_rows(snapshot);
        let feeds = feed_rows(snapshot);
        let mut lines = Self {
            text: Vec::with_capacity(estimate(&tables, 24) + estimate(&feeds, 63)),
            families: Ranges::new(),
        };
        lines.tables(&tables, snapshot.files);
        lines.jobs(snapshot);
        lines.feeds(&feeds);
        lines.expectations(&feeds, snapshot);
        lines.workflows(snapshot);
        let labels = labels(&[("tenant", &snapshot.tenant)]);
        let item = &snapshot.status;
        lines.gauges(&TENANT_GAUGES, &[Row { labels, item }]);
        lines
    }

    /// The lines of each family in the text format.
    pub(crate) fn by_family(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let families = self.families.iter();
        families.map(|(name, ranges)| (*name, &self.text[ranges.text.clone()]))
    }

    /// Writes the response to a probe of one job: the job's families and the
    /// result of the probe.
    pub(super) fn write_probe(
        tenant: &str,
        id: &str,
        job: Option<&Arc<Job>>,
        elapsed: Duration,
        files: bool,
    ) -> Self {
        let snapshot = Snapshot {
            jobs: job.into_iter().cloned().collect(),
            files,
            ..Snapshot::empty(tenant.into())
        };
        let mut lines = Self {
            text: Vec::new(),
            families: Ranges::new(),
        };
        lines.tables(&table_rows(&snapshot), files);
        lines.jobs(&snapshot);
        let labels = labels(&[("tenant", tenant), ("job_id", id)]);
        let success = Value::Count(job.is_some().into());
        lines.gauge(&PROBE_SUCCESS, |out| {
            sample(out, &PROBE_SUCCESS, &labels, &[], success);
        });
        let seconds = Value::Float(elapsed.as_secs_f64());
        lines.gauge(&PROBE_DURATION, |out| {
            sample(out, &PROBE_DURATION, &labels, &[], seconds);
        });
        lines
    }

    fn tables(&mut self, tables: &[Row<'_, Table>], files: bool) {
        self.gauges(&TABLE_GAUGES, tables);
        self.states(&TABLE_STATE, tables, |table| table.state.as_ref());
        if files {
            self.files(&FILE_READ_ROWS, tables, |file| file.read);
            self.files(&FILE_ERROR_ROWS, tables, |file| file.errors);
        }
    }

    fn jobs(&mut self, snapshot: &Snapshot) {
        let tenant = ("tenant", &*snapshot.tenant);
        self.gauge(&JOB_INFO, |out| {
            for job in &*snapshot.jobs {
                let workflow = job.workflow_id.as_deref().unwrap_or_default();
                let name = snapshot.workflow_names.get(workflow);
                let labels = labels(&[
                    tenant,
                    ("job_id", &job.id),
                    ("workflow_id", workflow),
                    ("workflow", name.map_or("", |name| &**name)),
                ]);
                sample(out, &JOB_INFO, &labels, &[], Value::Count(1));
            }
        });
        self.gauge(&JOB_UP, |out| {
            for (job, up) in &*snapshot.configured {
                let labels = labels(&[tenant, ("job_id", job)]);
                sample(out, &JOB_UP, &labels, &[], Value::Count((*up).into()));
            }
        });
    }

    fn feeds(&mut self, feeds: &[Row<'_, Feed>]) {
        self.states(&FEED_STATE, feeds, |feed| feed.state.as_ref());
        self.gauges(&FEED_GAUGES, feeds);
        self.runs(&FEED_RUNS, feeds);
        for rows in &FEED_COUNTERS {
            self.counter(&rows.family, |out, format| {
                for Row { labels, item } in feeds {
                    let count = (rows.value)(item);
                    counter(out, format, &rows.family, labels, count, item.created);
                }
            });
        }
        self.counter(&FEED_DURATION, |out, format| {
            for Row { labels, item } in feeds {
                let totals = &item.totals;
                let sum = Value::milliseconds(totals.duration_ms);
                suffixed(out, &FEED_DURATION, b"_sum", labels, sum);
                let count = Value::Count(totals.durations);
                suffixed(out, &FEED_DURATION, b"_count", labels, count);
                if format == Format::OpenMetrics {
                    let created = Value::timestamp(item.created);
                    suffixed(out, &FEED_DURATION, b"_created", labels, created);
                }
            }
        });
    }

    /// Writes the finished runs by state.
    pub(super) fn runs(&mut self, family: &Family, rows: &[Row<'_, Feed>]) {
        self.counter(family, |out, format| {
            for Row { labels, item } in rows {
                let totals = &item.totals.runs;
                let others = totals.keys().filter(|state| !state.is_terminal());
                for state in State::TERMINAL.iter().chain(others) {
                    let count = totals.get(state).copied().unwrap_or_default();
                    let labels = [labels.as_slice(), &extra("state", state.as_str())].concat();
                    counter(out, format, family, &labels, count, item.created);
                }
            }
        });
    }

    /// Writes what is expected of the feeds.
    fn expectations(&mut self, feeds: &[Row<'_, Feed>], snapshot: &Snapshot) {
        self.gauge(&FEED_INFO, |out| {
            for Row { labels, item } in feeds {
                let rule = item.rule.as_deref();
                let text = |text: Option<&String>| text.cloned().unwrap_or_default();
                let severity = rule.and_then(|rule| rule.severity);
                let last_run = item.last_run.as_ref();
                let workflow = last_run.and_then(|run| run.workflow_id.as_ref());
                let workflow = workflow.and_then(|id| snapshot.workflow_names.get(id));
                let extra = [
                    extra("name", &text(rule.and_then(|rule| rule.name.as_ref()))),
                    extra("team", &text(rule.and_then(|rule| rule.team.as_ref()))),
                    extra("severity", severity.map_or("", Severity::as_str)),
                    extra("workflow", workflow.map_or("", |name| &**name)),
                ]
                .concat();
                sample(out, &FEED_INFO, labels, &extra, Value::Count(1));
            }
        });
        self.gauges(&EXPECTATION_GAUGES, feeds);
    }

    /// Writes the samples of gauges, one family after the other.
    pub(super) fn gauges<T>(&mut self, gauges: &[Gauge<T>], rows: &[Row<'_, T>]) {
        for Gauge { family, value } in gauges {
            self.gauge(family, |out| {
                for Row { labels, item } in rows {
                    if let Some(value) = value(item) {
                        sample(out, family, labels, &[], value);
                    }
                }
            });
        }
    }

    /// Writes 1 for the current state and 0 for the others.
    pub(super) fn states<T>(
        &mut self,
        family: &Family,
        rows: &[Row<'_, T>],
        state: impl Fn(&T) -> Option<&State>,
    ) {
        let known = State::KNOWN.map(|state| (extra("state", state.as_str()), state));
        self.gauge(family, |out| {
            for Row { labels, item } in rows {
                let Some(current) = state(item) else { continue };
                for (extra, state) in &known {
                    let value = Value::Count((state == current).into());
                    sample(out, family, labels, extra, value);
                }
                if let State::Other(name) = current {
                    let extra = extra("state", name);
                    sample(out, family, labels, &extra, Value::Count(1));
                }
            }
        });
    }

    fn files(
        &mut self,
        family: &Family,
        tables: &[Row<'_, Table>],
        count: impl Fn(&File) -> Option<u64>,
    ) {
        self.gauge(family, |out| {
            for Row { labels, item } in tables {
                for file in &item.files.entries {
                    if let Some(count) = count(file) {
                        let extra = extra("file", &file.file);
                        sample(out, family, labels, &extra, Value::Count(count));
                    }
                }
            }
        });
    }

    /// Writes the lines of a family that are the same in both formats.
    pub(super) fn gauge(&mut self, family: &Family, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        let range = start..self.text.len();
        let spans = FamilyRanges {
            text: range.clone(),
            open_metrics: range,
        };
        self.families.insert(family.name, spans);
    }

    /// Writes the lines of a family for each format.
    pub(super) fn counter(&mut self, family: &Family, write: impl Fn(&mut Vec<u8>, Format)) {
        let start = self.text.len();
        write(&mut self.text, Format::Text);
        let middle = self.text.len();
        write(&mut self.text, Format::OpenMetrics);
        let spans = FamilyRanges {
            text: start..middle,
            open_metrics: middle..self.text.len(),
        };
        self.families.insert(family.name, spans);
    }
}

fn table_rows(snapshot: &Snapshot) -> Vec<Row<'_, Table>> {
    let of_job = snapshot.jobs.iter().flat_map(|job| {
        job.tables.iter().map(|item| Row {
            labels: labels(&[
                ("tenant", &snapshot.tenant),
                ("job_id", &job.id),
                ("table", &item.table),
                ("feed", &item.feed),
            ]),
            item,
        })
    });
    of_job.collect()
}

fn feed_rows(snapshot: &Snapshot) -> Vec<Row<'_, Feed>> {
    let rows = snapshot.feeds.iter().map(|item| Row {
        labels: labels(&[
            ("tenant", &snapshot.tenant),
            ("table", &item.table),
            ("feed", &item.feed),
        ]),
        item,
    });
    rows.collect()
}

/// An estimate of the size in bytes of rows with so many series, so that the
/// buffer is not reallocated while it grows.
fn estimate<T>(rows: &[Row<'_, T>], series: usize) -> usize {
    let name_and_value = 60;
    let row = |row: &Row<'_, T>| (row.labels.len() + name_and_value) * series;
    rows.iter().map(row).sum()
}

pub(super) fn labels(labels: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(120);
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_label(&mut out, name, value);
    }
    out
}

/// A label to append to others.
pub(super) fn extra(name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![b','];
    write_label(&mut out, name, value);
    out
}

pub(super) fn sample(
    out: &mut Vec<u8>,
    family: &Family,
    labels: &[u8],
    extra: &[u8],
    value: Value,
) {
    write_sample(out, family.name.as_bytes(), &[], labels, extra, value);
}

fn suffixed(out: &mut Vec<u8>, family: &Family, suffix: &[u8], labels: &[u8], value: Value) {
    let name = family.base_name().as_bytes();
    write_sample(out, name, suffix, labels, &[], value);
}

pub(super) fn counter(
    out: &mut Vec<u8>,
    format: Format,
    family: &Family,
    labels: &[u8],
    count: u64,
    created: Timestamp,
) {
    sample(out, family, labels, &[], Value::Count(count));
    if format == Format::OpenMetrics {
        suffixed(out, family, b"_created", labels, Value::timestamp(created));
    }
}
