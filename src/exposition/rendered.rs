//! The samples of one tenant in the formats and content codings in which they
//! are requested.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::compress::Compressors;
use super::openmetrics2::OpenMetrics2;
use super::pieces::Piece;
use super::protobuf::Protobuf;
use super::samples::Samples;
use super::section::{Comparison, Probe, Section, by_key};
use super::text::Text;
use super::{Encoding, Format};
use crate::jobs::Job;
use crate::snapshot::Snapshot;

/// One tenant's samples, section by section.
#[derive(Debug)]
pub struct RenderedSnapshot {
    snapshot: Arc<Snapshot>,
    sections: Vec<(Section, Arc<RenderedSection>)>,
}

type Forms = Vec<((Format, Encoding), Arc<[Piece]>)>;

/// The pieces of a section by format and content coding, shared by all snapshots
/// in which the section is the same.
#[derive(Debug, Default)]
struct RenderedSection(Mutex<Forms>);

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

    /// The pieces of all families, section by section, rendered if they are not
    /// yet.
    pub(super) fn pieces(
        &self,
        format: Format,
        encoding: Encoding,
        compressors: &mut Compressors,
    ) -> impl Iterator<Item = Arc<[Piece]>> {
        self.sections.iter().map(move |(section, rendered)| {
            rendered.pieces(format, encoding, section, &self.snapshot, compressors)
        })
    }

    /// Whether the pieces of all sections are in memory.
    #[cfg(test)]
    pub(super) fn is_rendered(&self, format: Format, encoding: Encoding) -> bool {
        self.sections.iter().all(|(section, rendered)| {
            let form = (samples_of(format, section, &self.snapshot), encoding);
            rendered.lock().iter().any(|(present, _)| *present == form)
        })
    }

    /// Frees the pieces that pages in these forms do not need.
    pub(super) fn keep(&self, forms: &[(Format, Encoding)]) {
        for (section, rendered) in &self.sections {
            let of_section =
                |&(format, encoding)| (samples_of(format, section, &self.snapshot), encoding);
            let needed: Vec<_> = forms.iter().map(of_section).collect();
            rendered.lock().retain(|(form, _)| needed.contains(form));
        }
    }
}

impl RenderedSection {
    fn pieces(
        &self,
        format: Format,
        encoding: Encoding,
        section: &Section,
        snapshot: &Snapshot,
        compressors: &mut Compressors,
    ) -> Arc<[Piece]> {
        let form = (samples_of(format, section, snapshot), encoding);
        let mut rendered = self.lock();
        if let Some((_, pieces)) = rendered.iter().find(|(present, _)| *present == form) {
            return Arc::clone(pieces);
        }
        let sections = std::slice::from_ref(section);
        let samples = match form.0 {
            Format::Text => Samples::write(Text { created: false }, snapshot, sections),
            Format::OpenMetrics => Samples::write(Text { created: true }, snapshot, sections),
            Format::OpenMetrics2 => Samples::write(OpenMetrics2, snapshot, sections),
            Format::Protobuf => Samples::write(Protobuf, snapshot, sections),
        };
        let pieces = Piece::split(samples, encoding, compressors);
        rendered.push((form, Arc::clone(&pieces)));
        pieces
    }

    /// What the lock guards is valid after every single step.
    fn lock(&self) -> MutexGuard<'_, Forms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The format that has the same samples of a section. Only those of counters and
/// histograms differ between formats of text.
fn samples_of(format: Format, section: &Section, snapshot: &Snapshot) -> Format {
    match format {
        Format::OpenMetrics if section.has_counters() && snapshot.created_series => format,
        Format::OpenMetrics2 if section.has_counters() => format,
        Format::Text | Format::OpenMetrics | Format::OpenMetrics2 => Format::Text,
        Format::Protobuf => format,
    }
}
