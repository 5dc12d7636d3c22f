//! Parts of a snapshot that are rendered on their own, so that a refresh
//! renders only those that have changed.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::feeds::Feed;
use crate::jobs::Job;
use crate::snapshot::Snapshot;

/// The average number of jobs of a section, about 25 series each. Smaller
/// sections cost more per scrape and compress less.
const JOBS: u32 = 1024;

/// The average number of feeds or workflows of a section, about 50 series each.
const FEEDS: u32 = 256;

/// A part of a snapshot: some jobs, feeds or workflows by their position, or
/// the rest.
#[derive(Clone, Debug)]
pub(super) enum Section {
    Jobs(Range<usize>),
    Feeds(Range<usize>),
    Workflows(Range<usize>),
    /// The status of the tenant and of its configured jobs.
    Tenant,
    /// The result of a probe.
    Probe(Probe),
}

/// The result of a probe of one job.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub(super) job: Arc<str>,
    pub(super) success: bool,
    pub(super) elapsed: Duration,
}

/// What a section is found by in the previous snapshot: its first item.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    Job(&'a str),
    Feed(&'a str, &'a str),
    Workflow(&'a str, &'a str),
    Rest,
}

impl Section {
    /// A snapshot in one section of each kind.
    pub(super) fn all(snapshot: &Snapshot) -> [Self; 4] {
        [
            Self::Jobs(0..snapshot.jobs.len()),
            Self::Feeds(0..snapshot.feeds.len()),
            Self::Workflows(0..snapshot.workflows.len()),
            Self::Tenant,
        ]
    }

    /// A snapshot in sections of moderate size.
    pub(super) fn split(snapshot: &Snapshot) -> Vec<Self> {
        let feed = |feed: &Feed| {
            crc32fast::hash(feed.feed.as_bytes()) ^ crc32fast::hash(feed.table.as_bytes())
        };
        let jobs = split(&snapshot.jobs, JOBS, |job| {
            crc32fast::hash(job.id.as_bytes())
        });
        let feeds = split(&snapshot.feeds, FEEDS, feed);
        let workflows = split(&snapshot.workflows, FEEDS, feed);
        let mut sections: Vec<Self> = jobs.into_iter().map(Self::Jobs).collect();
        sections.extend(feeds.into_iter().map(Self::Feeds));
        sections.extend(workflows.into_iter().map(Self::Workflows));
        sections.push(Self::Tenant);
        sections
    }

    pub(super) fn key<'a>(&self, snapshot: &'a Snapshot) -> Key<'a> {
        let feed = |feed: &'a Feed| (&*feed.table, &*feed.feed);
        match self {
            Self::Jobs(range) => Key::Job(&snapshot.jobs[range.start].id),
            Self::Feeds(range) => {
                let (table, feed) = feed(&snapshot.feeds[range.start]);
                Key::Feed(table, feed)
            }
            Self::Workflows(range) => {
                let (name, kind) = feed(&snapshot.workflows[range.start]);
                Key::Workflow(name, kind)
            }
            Self::Tenant | Self::Probe(_) => Key::Rest,
        }
    }

    /// Whether counters have samples in it.
    pub(super) fn has_counters(&self) -> bool {
        matches!(self, Self::Feeds(_) | Self::Workflows(_))
    }
}

/// Two snapshots of a tenant, to find what is the same in both.
pub(super) struct Comparison<'a> {
    new: &'a Snapshot,
    old: &'a Snapshot,
    /// Whether all names of workflows are.
    names: bool,
}

impl<'a> Comparison<'a> {
    /// `None` if they are not comparable.
    pub(super) fn new(new: &'a Snapshot, old: &'a Snapshot) -> Option<Self> {
        let settings = |snapshot: &Snapshot| (snapshot.files, snapshot.created_series);
        let comparable = new.tenant == old.tenant && settings(new) == settings(old);
        comparable.then(|| Self {
            new,
            old,
            names: new.workflow_names == old.workflow_names,
        })
    }

    /// Whether a section of the new snapshot has the samples of one of the old.
    pub(super) fn is_same(&self, new: &Section, old: &Section) -> bool {
        match (new, old) {
            (Section::Jobs(new), Section::Jobs(old)) => {
                let (new, old) = (&self.new.jobs[new.clone()], &self.old.jobs[old.clone()]);
                let workflows = || new.iter().filter_map(|job| job.workflow_id.as_ref());
                are_same(new, old) && self.have_same_names(workflows())
            }
            (Section::Feeds(new), Section::Feeds(old)) => {
                let (new, old) = (&self.new.feeds[new.clone()], &self.old.feeds[old.clone()]);
                let last_runs = || new.iter().filter_map(|feed| feed.last_run.as_ref());
                let workflows = last_runs().filter_map(|run| run.workflow_id.as_ref());
                new == old && self.have_same_names(workflows)
            }
            (Section::Workflows(new), Section::Workflows(old)) => {
                self.new.workflows[new.clone()] == self.old.workflows[old.clone()]
            }
            (Section::Tenant, Section::Tenant) => {
                (&self.new.status, &self.new.configured) == (&self.old.status, &self.old.configured)
            }
            _ => false,
        }
    }

    fn have_same_names<'b>(&self, mut workflows: impl Iterator<Item = &'b Arc<str>>) -> bool {
        let (new, old) = (&self.new.workflow_names, &self.old.workflow_names);
        self.names || workflows.all(|workflow| new.get(workflow) == old.get(workflow))
    }
}

/// Jobs are shared between snapshots until they change.
fn are_same(new: &[Arc<Job>], old: &[Arc<Job>]) -> bool {
    let mut pairs = new.iter().zip(old);
    new.len() == old.len() && pairs.all(|(new, old)| Arc::ptr_eq(new, old) || new == old)
}

/// Ranges of about `size` items. A range ends where the next item's hash says
/// so, and not after a fixed number: an item that comes or goes changes only
/// the range it is in.
fn split<T>(items: &[T], size: u32, hash: impl Fn(&T) -> u32) -> Vec<Range<usize>> {
    let least = size as usize / 4;
    let mut ranges = Vec::new();
    let mut start = 0;
    for (index, item) in items.iter().enumerate() {
        if index - start >= least && hash(item).is_multiple_of(size) {
            ranges.push(start..index);
            start = index;
        }
    }
    if start < items.len() {
        ranges.push(start..items.len());
    }
    ranges
}

/// Sections by their first items.
pub(super) fn by_key<'a, T>(
    sections: &'a [(Section, T)],
    snapshot: &'a Snapshot,
) -> HashMap<Key<'a>, &'a (Section, T)> {
    let sections = sections.iter();
    sections
        .map(|entry| (entry.0.key(snapshot), entry))
        .collect()
}
