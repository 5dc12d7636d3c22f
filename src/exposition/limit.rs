//! Keeps the size of a tenant's page within `limits.page_bytes`.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use crate::feeds::Feed;
use crate::jobs::Job;
use crate::snapshot::Snapshot;

/// The size in bytes of a sample line without its label values: the names of
/// family and labels, the value. On average they take 72 to 83.
const LINE: u64 = 90;

/// Sample lines of a table of a job, of a feed and of a workflow.
pub(super) const TABLE_LINES: u64 = 20;
pub(super) const FEED_LINES: u64 = 47;
pub(super) const WORKFLOW_LINES: u64 = 30;

/// More lines of a feed and of a workflow with `exposition.created_series`.
pub(super) const FEED_CREATED_LINES: u64 = 11;
pub(super) const WORKFLOW_CREATED_LINES: u64 = 8;

/// Leaves out workflows, feeds and jobs so that the page of the tenant takes about `limit`
/// bytes at most. The workflows may use an eighth of it, the feeds half, the jobs
/// what these leave; the workflows and feeds known longest and the jobs started
/// last are kept. Those left out are counted in the status. Returns whether there
/// are any.
#[must_use]
pub fn limit_page(snapshot: &mut Snapshot, limit: u64) -> bool {
    let by_age = |feed: &Feed| (feed.created, feed.table.clone(), feed.feed.clone());
    let (of_feed, of_workflow) = if snapshot.created_series {
        (FEED_CREATED_LINES, WORKFLOW_CREATED_LINES)
    } else {
        (0, 0)
    };
    let size = |workflow: &Feed| {
        let run = workflow.last_run.as_ref().map_or("", |run| &*run.job);
        feed_bytes(&snapshot.tenant, workflow, WORKFLOW_LINES + of_workflow)
            + address_bytes(snapshot, run)
    };
    let (workflows, used_by_workflows) = keep(&snapshot.workflows, limit / 8, size, by_age);
    let size = |feed: &Feed| feed_bytes(&snapshot.tenant, feed, FEED_LINES + of_feed);
    let (feeds, used) = keep(&snapshot.feeds, limit / 2, size, by_age);

    let configured: HashSet<&str> = snapshot.configured.iter().map(|(id, _)| &**id).collect();
    let newest_first = |job: &Arc<Job>| {
        let configured = configured.contains(&*job.id);
        Reverse((configured, job.started_at(), Arc::clone(&job.id)))
    };
    let size = |job: &Arc<Job>| {
        let run = job.workflow_id.as_deref().unwrap_or_default();
        job_bytes(&snapshot.tenant, job, snapshot.files) + address_bytes(snapshot, run)
    };
    let left = limit - used - used_by_workflows;
    let (jobs, _) = keep(&snapshot.jobs, left, size, newest_first);

    let is_limited = workflows.is_some() || feeds.is_some() || jobs.is_some();
    let status = &mut snapshot.status;
    if let Some(workflows) = workflows {
        status.workflows_dropped += snapshot.workflows.len() - workflows.len();
        snapshot.workflows = workflows.into();
    }
    if let Some(feeds) = feeds {
        status.feeds_dropped += snapshot.feeds.len() - feeds.len();
        snapshot.feeds = feeds.into();
    }
    if let Some(jobs) = jobs {
        status.jobs = jobs.len();
        status.jobs_dropped += snapshot.jobs.len() - jobs.len();
        snapshot.jobs = jobs.into();
    }
    is_limited
}

/// The items that fit in `limit`, in their order, and the bytes they take. The
/// first by `rank` are kept. `None` if all fit.
fn keep<T: Clone, K: Ord>(
    items: &[T],
    limit: u64,
    size: impl Fn(&T) -> u64,
    rank: impl Fn(&T) -> K,
) -> (Option<Vec<T>>, u64) {
    let sizes: Vec<u64> = items.iter().map(size).collect();
    let total = sizes.iter().sum();
    if total <= limit {
        return (None, total);
    }
    let mut ranked: Vec<(usize, &T)> = items.iter().enumerate().collect();
    ranked.sort_by_cached_key(|(_, item)| rank(item));
    let mut used = 0;
    ranked.retain(|(index, _)| {
        let fits = used + sizes[*index] <= limit;
        used += if fits { sizes[*index] } else { 0 };
        fits
    });
    ranked.sort_by_key(|(index, _)| *index);
    let kept = ranked.into_iter().map(|(_, item)| item.clone());
    (Some(kept.collect()), used)
}

fn feed_bytes(tenant: &str, feed: &Feed, lines: u64) -> u64 {
    let labels = [tenant, &feed.table, &feed.feed].map(escaped_length);
    lines * (LINE + labels.iter().sum::<u64>())
}

/// The address of a run of a workflow, if there are addresses.
fn address_bytes(snapshot: &Snapshot, run: &str) -> u64 {
    let template = snapshot.ui_url.as_deref();
    template.map_or(0, |template| {
        (template.len() + snapshot.tenant.len() + run.len()) as u64
    })
}

fn job_bytes(tenant: &str, job: &Job, files: bool) -> u64 {
    let of_job = escaped_length(tenant) + escaped_length(&job.id);
    let workflow = job.workflow_id.as_deref().unwrap_or_default();
    let of_tables = job.tables.iter().map(|table| {
        let line = LINE + of_job + escaped_length(&table.table) + escaped_length(&table.feed);
        let files = table.files.entries.iter().filter(|_| files);
        let of_files = files.map(|file| 2 * (line + escaped_length(&file.file)));
        TABLE_LINES * line + of_files.sum::<u64>()
    });
    of_tables.sum::<u64>() + 2 * LINE + of_job + escaped_length(workflow)
}

/// The length of a label value on the page.
fn escaped_length(text: &str) -> u64 {
    let escaped = text
        .bytes()
        .filter(|byte| matches!(byte, b'\\' | b'\n' | b'"'));
    (text.len() + escaped.count()) as u64
}
