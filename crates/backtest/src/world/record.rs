//! Ingest jobs as the Amperity API gives them.

use jiff::Timestamp;
use serde::Serialize;

/// `GET /ingest/jobs/{id}` once the job is over.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct JobRecord {
    pub(crate) id: String,
    pub(crate) workflow_id: String,
    pub(crate) tables: Vec<TableRecord>,
}

/// One table of a job.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TableRecord {
    pub(crate) job_id: String,
    pub(crate) table_name: String,
    pub(crate) feed_id: String,
    pub(crate) state: &'static str,
    pub(crate) read: u64,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) rejected: u64,
    pub(crate) errors: u64,
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) files: Vec<FileRecord>,
}

/// One file of a table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileRecord {
    pub(crate) file_id: String,
    pub(crate) name: String,
    pub(crate) read: u64,
    pub(crate) errors: u64,
}

impl JobRecord {
    /// When its first table started.
    pub(crate) fn started_at(&self) -> Timestamp {
        let starts = self.tables.iter().map(|table| table.started_at);
        starts.min().unwrap_or(Timestamp::MIN)
    }
}
