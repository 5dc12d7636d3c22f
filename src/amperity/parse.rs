//! From the body of a successful response to [`Job`]s.

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::jobs::{Job, label, workflow};
use crate::wire;

/// Parsing a larger body takes long enough to delay other tasks of its thread.
const LARGE: usize = 256 << 10;

/// Large bodies parsed at once by the whole process: each takes a thread and a
/// multiple of its size in memory.
static LARGE_BODIES: Semaphore = Semaphore::const_new(2);

/// The jobs of a window.
#[derive(Debug, Default)]
pub struct Listing {
    /// The jobs that could be read, in the order of the answer.
    pub jobs: Vec<Job>,
    /// How many entries could not be read.
    pub malformed: usize,
    /// How many strings were shortened, see [`label::bounded`].
    pub(super) shortened: u64,
    /// Whether to keep the entries of single files.
    files: bool,
}

/// One page of the runs of workflows of a window.
#[derive(Debug, Default)]
pub struct WorkflowPage {
    /// The runs that could be read, in the order of the answer.
    pub runs: Vec<Job>,
    /// How many entries could not be read.
    pub malformed: usize,
    /// What to request the next page with; `None` on the last one.
    pub next_token: Option<String>,
    /// How many strings were shortened, see [`label::bounded`].
    pub(super) shortened: u64,
}

impl Listing {
    fn push(&mut self, entry: Option<&wire::Job<'_>>) {
        self.shortened += entry.map_or(0, label::count_too_long);
        match entry.and_then(Job::from_wire) {
            Some(mut job) => {
                if !self.files {
                    job.drop_files();
                }
                self.jobs.push(job);
            }
            None => self.malformed += 1,
        }
    }
}

/// One job, `None` if it has no id, and how many strings were shortened.
pub(super) fn job(body: &[u8]) -> Result<(Option<Job>, u64), serde_json::Error> {
    wire::read_job(body, |job| {
        (Job::from_wire(job), label::count_too_long(job))
    })
}

/// A list of jobs; `files` says whether to keep the entries of single files.
pub(super) fn jobs(body: &[u8], files: bool) -> Result<Listing, serde_json::Error> {
    let mut listing = Listing {
        files,
        ..Listing::default()
    };
    wire::read_list(body, |entry| listing.push(entry))?;
    if listing.jobs.is_empty() && listing.malformed > 0 {
        let text = format!("none of {} entries is a job", listing.malformed);
        return Err(serde::de::Error::custom(text));
    }
    Ok(listing)
}

/// One run of a workflow, `None` if it has no id, and how many strings were
/// shortened.
pub(super) fn workflow(body: &[u8]) -> Result<(Option<Job>, u64), serde_json::Error> {
    wire::read_workflow(body, |run| {
        (Job::from_wire_workflow(run), workflow::count_too_long(run))
    })
}

/// A page of runs of workflows.
pub(super) fn workflows(body: &[u8]) -> Result<WorkflowPage, serde_json::Error> {
    let mut page = WorkflowPage::default();
    let next_token = wire::read_workflows(body, |entry| {
        page.shortened += entry.map_or(0, workflow::count_too_long);
        match entry.and_then(Job::from_wire_workflow) {
            Some(run) => page.runs.push(run),
            None => page.malformed += 1,
        }
    })?;
    page.next_token = next_token;
    if page.runs.is_empty() && page.malformed > 0 {
        let text = format!("none of {} entries is a workflow", page.malformed);
        return Err(serde::de::Error::custom(text));
    }
    Ok(page)
}

/// Parses a large body on a blocking thread, so that it delays no other
/// tenant. The error text is safe to print.
pub(super) async fn off_thread<T: Send + 'static>(
    body: Bytes,
    parse: impl FnOnce(&[u8]) -> Result<T, serde_json::Error> + Send + 'static,
) -> Result<T, String> {
    let parsed = if body.len() < LARGE {
        parse(&body)
    } else {
        // The semaphore is never closed.
        let _permit = LARGE_BODIES.acquire().await;
        tokio::task::spawn_blocking(move || parse(&body))
            .await
            .map_err(|error| format!("parsing the response failed: {error}"))?
    };
    parsed.map_err(|error| describe(&error))
}

/// Where parsing failed, without quoting the body.
fn describe(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let problem = match error.classify() {
        serde_json::error::Category::Eof => "the response ends too early",
        // Of our own: it has no position, and quotes nothing.
        serde_json::error::Category::Data if line == 0 => {
            return format!("the response is JSON with an unexpected structure: {error}");
        }
        serde_json::error::Category::Data => "the response is JSON with an unexpected structure",
        _ => "the response is not JSON",
    };
    format!("{problem} (line {line} column {column})")
}
