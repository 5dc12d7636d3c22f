//! The answers of the ingest API as they are sent, read more leniently than the
//! vendor's schema requires: a field that is missing, `null` or of the wrong
//! type is read as absent, an unknown field is ignored, bad text inside a
//! string is replaced, and an entry of a list that cannot be read costs no
//! other entry. Only a text that is no JSON object is an error.
//!
//! What the fields mean is decided in [`crate::jobs`], which comes next.

use std::borrow::Cow;

use serde::de::Deserialize;

mod lenient;
mod repair;
#[cfg(test)]
mod tests;

pub use lenient::{Count, List, OneOf, Text};

/// `GET /ingest/jobs/{id}`, and one element of `GET /ingest/jobs`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Job<'a> {
    /// The job's id, such as `isj-20240701-48815-6dcXdk`.
    pub id: Text<'a>,
    /// The workflow that ran the job.
    pub workflow_id: Text<'a>,
    /// One entry per table the job loads.
    pub tables: List<Table<'a>>,
}

/// One table of a job.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Table<'a> {
    /// The feed that loads the table.
    pub feed_id: Text<'a>,
    /// The table's name as people know it.
    pub table_name: Text<'a>,
    /// The state, in whatever spelling the vendor uses today.
    pub state: Text<'a>,
    /// Rows ingested into the feed.
    pub read: Count,
    /// Rows with an ingest error.
    pub errors: Count,
    /// Duplicate rows that were not ingested.
    pub rejected: Count,
    /// Rows inserted into the table.
    pub inserted: Count,
    /// Rows updated in the table.
    pub updated: Count,
    /// When loading began.
    pub started_at: Text<'a>,
    /// When loading ended; absent or null while it runs.
    pub ended_at: Text<'a>,
    /// The files that were read.
    pub files: List<File<'a>>,
}

/// `GET /workflow/runs/{id}`, and one element of `GET /workflow/runs`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct WorkflowRun<'a> {
    /// The run's id, such as `wf-20240619-14418-6UhqSe`.
    pub id: Text<'a>,
    /// The workflow's name; with the type it is the same from run to run.
    pub name: Text<'a>,
    /// The workflow's type, such as `courier.group/run`.
    #[serde(rename = "type")]
    pub workflow_type: Text<'a>,
    /// The state.
    pub state: Text<'a>,
    /// When the run began.
    pub created_at: Text<'a>,
    /// When the run ended.
    pub ended_at: Text<'a>,
    /// Why it failed.
    pub error: OneOf<WorkflowError<'a>>,
    /// Who started it. These three are read only to remove them from the
    /// error's message.
    pub principal_id: Text<'a>,
    /// The name.
    pub principal_name: Text<'a>,
    /// The e-mail address.
    pub principal_email: Text<'a>,
}

/// The error of a run of a workflow.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct WorkflowError<'a> {
    /// `customer` or `platform`.
    pub attribution: Text<'a>,
    /// Where it occurred.
    #[serde(rename = "type")]
    pub error_type: Text<'a>,
    /// What happened; may have many lines.
    pub message: Text<'a>,
}

/// One file of a table.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct File<'a> {
    /// The file's id, unique where its name is not.
    pub file_id: Text<'a>,
    /// The file's name.
    pub name: Text<'a>,
    /// Rows read from the file.
    pub read: Count,
    /// Rows of the file with an ingest error.
    pub errors: Count,
}

/// How many objects an answer can hold at the most. Read before it is parsed:
/// an object of two bytes becomes one of hundreds in memory.
#[must_use]
pub fn objects(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(*byte == b'{')).sum()
}

/// Reads the answer to `GET /ingest/jobs/{id}`.
///
/// # Errors
/// If the text is not JSON, or not an object.
pub fn read_job<T>(text: &[u8], read: impl FnOnce(&Job<'_>) -> T) -> Result<T, serde_json::Error> {
    let mut repaired = Vec::new();
    Ok(read(&parse_or_repair(text, &mut repaired)?))
}

/// Reads the answer to `GET /ingest/jobs`, with `None` for each entry that
/// cannot be read as a job.
///
/// # Errors
/// If the text is not an object with the list `data`, or ends too early.
pub fn read_list(
    text: &[u8],
    mut read: impl FnMut(Option<&Job<'_>>),
) -> Result<(), serde_json::Error> {
    let error = match parse::<JobList<'_>>(text) {
        Ok(list) => {
            list.data.iter().for_each(|OneOf(job)| read(job.as_ref()));
            return Ok(());
        }
        Err(error) => error,
    };
    for entry in repair::entries(text).ok_or(error)? {
        // The error has the same meaning for all of them.
        if read_job(entry, |job| read(Some(job))).is_err() {
            read(None);
        }
    }
    Ok(())
}

/// Reads the answer to `GET /workflow/runs/{id}`.
///
/// # Errors
/// If the text is not JSON, or not an object.
pub fn read_workflow<T>(
    text: &[u8],
    read: impl FnOnce(&WorkflowRun<'_>) -> T,
) -> Result<T, serde_json::Error> {
    let mut repaired = Vec::new();
    Ok(read(&parse_or_repair(text, &mut repaired)?))
}

/// Reads the answer to `GET /workflow/runs`, with `None` for each entry that is
/// not an object. Returns the token of the next page.
///
/// # Errors
/// If the text is not an object with the list `data`, or ends too early.
pub fn read_workflows(
    text: &[u8],
    mut read: impl FnMut(Option<&WorkflowRun<'_>>),
) -> Result<Option<String>, serde_json::Error> {
    let mut repaired = Vec::new();
    let list: WorkflowList<'_> = parse_or_repair(text, &mut repaired)?;
    list.data.iter().for_each(|OneOf(run)| read(run.as_ref()));
    let token = list.next_token.0.filter(|token| !token.is_empty());
    Ok(token.map(Cow::into_owned))
}

/// A page of runs of workflows.
#[derive(Debug, serde::Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct WorkflowList<'a> {
    data: Vec<OneOf<WorkflowRun<'a>>>,
    #[serde(default)]
    next_token: Text<'a>,
}

/// A list of jobs.
#[derive(Debug, serde::Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct JobList<'a> {
    data: Vec<OneOf<Job<'a>>>,
}

/// Reads an object from the text, or from the text as repaired. An error is that
/// of the text as it is.
fn parse_or_repair<'a, T: Deserialize<'a>>(
    text: &'a [u8],
    repaired: &'a mut Vec<u8>,
) -> Result<T, serde_json::Error> {
    parse(text).or_else(|error| {
        *repaired = repair::repaired(text);
        parse(repaired).map_err(|_| error)
    })
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, serde_json::Error> {
    let OneOf(object) = serde_json::from_slice(text)?;
    object.ok_or_else(|| serde::de::Error::custom("not an object"))
}
