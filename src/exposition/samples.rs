//! The samples of one snapshot, family by family, in any format. The page adds
//! the headers, because the samples of all tenants follow one header.

use std::collections::BTreeMap;
use std::ops::Range;

use super::catalogue::jobs::{
    FILE_ERROR_ROWS, FILE_READ_ROWS, JOB_INFO, JOB_UP, PROBE_DURATION, PROBE_SUCCESS, TABLE_GAUGES,
    TABLE_STATE,
};
use super::catalogue::tenants::TENANT_GAUGES;
use super::catalogue::{Family, Gauge};
use super::encoder::{Encoder, Labels};
use super::section::{Probe, Section};
use super::text::{Text, Value};
use crate::jobs::{File, Job, State, Table};
use crate::snapshot::Snapshot;

/// Samples in one format.
#[derive(Debug)]
pub struct Samples {
    /// All samples.
    pub bytes: Vec<u8>,
    /// The range of each family's samples, by the family's name.
    pub(super) families: BTreeMap<&'static str, Range<usize>>,
}

impl Samples {
    /// Writes a snapshot as lines of text.
    #[must_use]
    pub fn text(snapshot: &Snapshot) -> Self {
        Self::write(Text { created: false }, snapshot, &Section::all(snapshot))
    }

    /// Writes sections of a snapshot.
    pub(super) fn write<E: Encoder>(encoder: E, snapshot: &Snapshot, sections: &[Section]) -> Self {
        let mut writer = SampleWriter {
            encoder,
            snapshot,
            samples: Self {
                bytes: Vec::new(),
                families: BTreeMap::new(),
            },
        };
        for section in sections {
            match section {
                Section::Jobs(range) => writer.jobs(&snapshot.jobs[range.clone()]),
                Section::Feeds(range) => writer.feeds(&snapshot.feeds[range.clone()]),
                Section::Workflows(range) => writer.workflows(&snapshot.workflows[range.clone()]),
                Section::Tenant => writer.tenant(),
                Section::Probe(probe) => writer.probe(probe),
            }
        }
        writer.samples
    }

    /// The samples of each family.
    pub(crate) fn by_family(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let families = self.families.iter();
        families.map(|(name, range)| (*name, &self.bytes[range.clone()]))
    }
}

/// Writes samples of a snapshot.
pub(super) struct SampleWriter<'a, E> {
    pub(super) encoder: E,
    pub(super) snapshot: &'a Snapshot,
    samples: Samples,
}

/// An item with series, and the labels they share.
pub(super) struct Row<'a, T> {
    pub(super) labels: Vec<u8>,
    pub(super) item: &'a T,
}

impl<E: Encoder> SampleWriter<'_, E> {
    fn jobs(&mut self, jobs: &[std::sync::Arc<Job>]) {
        let tenant = ("tenant", &*self.snapshot.tenant);
        let of_job = |job| self.table_rows(job);
        let tables: Vec<_> = jobs.iter().flat_map(|job| of_job(job)).collect();
        self.reserve(&tables, 24);
        self.gauges(&TABLE_GAUGES, &tables);
        self.states(&TABLE_STATE, &tables, |table| table.state.as_ref());
        if self.snapshot.files {
            self.files(&FILE_READ_ROWS, &tables, |file| file.read);
            self.files(&FILE_ERROR_ROWS, &tables, |file| file.errors);
        }
        let (encoder, snapshot) = (self.encoder, self.snapshot);
        self.family(&JOB_INFO, |out| {
            for job in jobs {
                let workflow = job.workflow_id.as_deref().unwrap_or_default();
                let name = snapshot.workflow_names.get(workflow);
                let address = snapshot.run_address(workflow);
                let own = [
                    tenant,
                    ("job_id", &*job.id),
                    ("workflow_id", workflow),
                    ("workflow", name.map_or("", |name| &**name)),
                ];
                let address = address.as_deref().map(|address| ("url", address));
                let labels = labels(encoder, own.into_iter().chain(address));
                encoder.gauge(out, JOB_INFO.name, Labels::shared(&labels), Value::Count(1));
            }
        });
    }

    fn table_rows<'b>(
        &self,
        job: &'b Job,
    ) -> impl Iterator<Item = Row<'b, Table>> + use<'b, '_, E> {
        let (encoder, tenant) = (self.encoder, &*self.snapshot.tenant);
        job.tables.iter().map(move |item| Row {
            labels: labels(
                encoder,
                [
                    ("tenant", tenant),
                    ("job_id", &job.id),
                    ("table", &item.table),
                    ("feed", &item.feed),
                ],
            ),
            item,
        })
    }

    fn tenant(&mut self) {
        let (encoder, snapshot) = (self.encoder, self.snapshot);
        let tenant = ("tenant", &*snapshot.tenant);
        self.family(&JOB_UP, |out| {
            for (job, up) in &*snapshot.configured {
                let labels = labels(encoder, [tenant, ("job_id", job)]);
                let up = Value::Count((*up).into());
                encoder.gauge(out, JOB_UP.name, Labels::shared(&labels), up);
            }
        });
        let labels = labels(encoder, [tenant]);
        let item = &snapshot.status;
        self.gauges(&TENANT_GAUGES, &[Row { labels, item }]);
    }

    fn probe(&mut self, probe: &Probe) {
        let encoder = self.encoder;
        let tenant = ("tenant", &*self.snapshot.tenant);
        let labels = labels(encoder, [tenant, ("job_id", &probe.job)]);
        let labels = Labels::shared(&labels);
        let success = Value::Count(probe.success.into());
        self.family(&PROBE_SUCCESS, |out| {
            encoder.gauge(out, PROBE_SUCCESS.name, labels, success);
        });
        let seconds = Value::Float(probe.elapsed.as_secs_f64());
        self.family(&PROBE_DURATION, |out| {
            encoder.gauge(out, PROBE_DURATION.name, labels, seconds);
        });
    }

    /// Writes the samples of gauges, one family after the other.
    pub(super) fn gauges<T>(&mut self, gauges: &'static [Gauge<T>], rows: &[Row<'_, T>]) {
        let encoder = self.encoder;
        for Gauge { family, value } in gauges {
            self.family(family, |out| {
                for Row { labels, item } in rows {
                    if let Some(value) = value(item) {
                        encoder.gauge(out, family.name, Labels::shared(labels), value);
                    }
                }
            });
        }
    }

    /// Writes 1 for the current state and 0 for the others.
    pub(super) fn states<T>(
        &mut self,
        family: &'static Family,
        rows: &[Row<'_, T>],
        state: impl Fn(&T) -> Option<&State>,
    ) {
        let encoder = self.encoder;
        let known = State::KNOWN.map(|state| (label(encoder, "state", state.as_str()), state));
        self.family(family, |out| {
            for Row {
                labels: shared,
                item,
            } in rows
            {
                let Some(current) = state(item) else { continue };
                for (own, state) in &known {
                    let value = Value::Count((state == current).into());
                    encoder.gauge(out, family.name, Labels { shared, own }, value);
                }
                if let State::Other(name) = current {
                    let own = &label(encoder, "state", name);
                    encoder.gauge(out, family.name, Labels { shared, own }, Value::Count(1));
                }
            }
        });
    }

    fn files(
        &mut self,
        family: &'static Family,
        tables: &[Row<'_, Table>],
        count: impl Fn(&File) -> Option<u64>,
    ) {
        let encoder = self.encoder;
        self.family(family, |out| {
            for Row {
                labels: shared,
                item,
            } in tables
            {
                for file in &item.files.entries {
                    if let Some(count) = count(file) {
                        let own = &label(encoder, "file", &file.file);
                        let labels = Labels { shared, own };
                        encoder.gauge(out, family.name, labels, Value::Count(count));
                    }
                }
            }
        });
    }

    /// Records what `write` appends as the samples of a family.
    pub(super) fn family(&mut self, family: &Family, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.samples.bytes.len();
        write(&mut self.samples.bytes);
        let range = start..self.samples.bytes.len();
        if !range.is_empty() {
            self.samples.families.insert(family.name, range);
        }
    }

    /// Reserves about the space of rows with this many series, so that the buffer
    /// is not reallocated while it grows.
    pub(super) fn reserve<T>(&mut self, rows: &[Row<'_, T>], series: usize) {
        let name_and_value = 60;
        let row = |row: &Row<'_, T>| (row.labels.len() + name_and_value) * series;
        self.samples.bytes.reserve(rows.iter().map(row).sum());
    }
}

pub(super) fn labels<'a, E: Encoder>(
    encoder: E,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(120);
    for (name, value) in labels {
        encoder.label(&mut out, name, value);
    }
    out
}

pub(super) fn label<E: Encoder>(encoder: E, name: &str, value: &str) -> Vec<u8> {
    labels(encoder, [(name, value)])
}
