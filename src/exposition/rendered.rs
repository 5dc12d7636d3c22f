//! The samples of one tenant in all formats, each rendered when it is first
//! needed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Format;
use super::openmetrics2::OpenMetrics2;
use super::pieces::Piece;
use super::protobuf::Protobuf;
use super::samples::Samples;
use super::section::{Comparison, Probe, Section, by_key};
use super::text::Text;
use crate::jobs::Job;
use crate::snapshot::Snapshot;

/// One tenant's samples, section by section.
#[derive(Debug)]
pub struct RenderedSnapshot {
    snapshot: Arc<Snapshot>,
    sections: Vec<(Section, Arc<RenderedSection>)>,
}

/// The samples of a section by format, shared by all snapshots in which the
/// section is the same.
#[derive(Debug, Default)]
struct RenderedSection {
    text: OnceLock<Vec<Piece>>,
    /// With `_created` lines.
    text_created: OnceLock<Vec<Piece>>,
    open_metrics_2: OnceLock<Vec<Piece>>,
    protobuf: OnceLock<Vec<Piece>>,
}

impl RenderedSnapshot {
    /// Prepares a snapshot for pages. What it has in common with the previous
    /// one of the tenant is not rendered again.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, previous: Option<&Self>) -> Self {
        let sections = Section::split(&snapshot);
        let reusable = previous.and_then(|previous| {
            let comparison = Comparison::new(&snapshot, &previous.snapshot)?;
            Some((comparison, by_key(&previous.sections, &previous.snapshot)))
        });
        let rendered = |section: &Section| {
            let (comparison, sections) = reusable.as_ref()?;
            let (old, rendered) = sections.get(&section.key(&snapshot))?;
            let is_same = comparison.is_same(section, old);
            is_same.then(|| Arc::clone(rendered))
        };
        let rendered: Vec<_> = sections.iter().map(rendered).collect();
        drop(reusable);
        let rendered = rendered.into_iter().map(Option::unwrap_or_default);
        Self {
            sections: sections.into_iter().zip(rendered).collect(),
            snapshot,
        }
    }

    /// The response to a probe: the series of one job, if it could be fetched,
    /// and the result of the probe.
    #[must_use]
    pub fn probe(
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
        let probe = Section::Probe(Probe {
            job: id.into(),
            success: job.is_some(),
            elapsed,
        });
        let sections = [Section::Jobs(0..snapshot.jobs.len()), probe];
        Self {
            snapshot: snapshot.into(),
            sections: sections.map(|section| (section, Arc::default())).into(),
        }
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The pieces of all families in a format, rendered if they are not yet.
    pub(super) fn pieces(&self, format: Format) -> impl Iterator<Item = &Piece> {
        let sections = self.sections.iter();
        sections
            .flat_map(move |(section, rendered)| rendered.pieces(format, section, &self.snapshot))
    }
}

impl RenderedSection {
    fn pieces(&self, format: Format, section: &Section, snapshot: &Snapshot) -> &[Piece] {
        let sections = std::slice::from_ref(section);
        let text = |created| Piece::split(Samples::write(Text { created }, snapshot, sections));
        match format {
            // Only samples of counters and histograms differ between formats of text.
            Format::OpenMetrics if section.has_counters() && snapshot.created_series => {
                self.text_created.get_or_init(|| text(true))
            }
            Format::OpenMetrics2 if section.has_counters() => self
                .open_metrics_2
                .get_or_init(|| Piece::split(Samples::write(OpenMetrics2, snapshot, sections))),
            Format::Text | Format::OpenMetrics | Format::OpenMetrics2 => {
                self.text.get_or_init(|| text(false))
            }
            Format::Protobuf => self
                .protobuf
                .get_or_init(|| Piece::split(Samples::write(Protobuf, snapshot, sections))),
        }
    }
}
