//! Reads ingest jobs or workflow runs from a file, one by one: a JSON array,
//! JSON lines, or objects in a row, of any size in all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufRead};

use jiff::Timestamp;

use crate::feeds::store::StoreError;
use crate::jobs::Job;
use crate::wire;

/// The largest job that is read, in bytes. One of a thousand tables with a
/// thousand files each is about as large.
const MAX_JOB: usize = 128 << 20;

/// How many jobs may be out of order.
const LOOKAHEAD: usize = 20_000;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Ingest jobs.
    Jobs,
    /// Runs of workflows.
    WorkflowRuns,
}

impl Records {
    /// The word for one of them.
    const fn noun(self) -> &'static str {
        match self {
            Self::Jobs => "job",
            Self::WorkflowRuns => "workflow run",
        }
    }

    /// The request that lists them.
    const fn request(self) -> &'static str {
        match self {
            Self::Jobs => "GET /ingest/jobs",
            Self::WorkflowRuns => "GET /workflow/runs",
        }
    }

    fn parse(self, text: &[u8]) -> Result<Option<Job>, serde_json::Error> {
        match self {
            Self::Jobs => wire::read_job(text, Job::from_wire),
            Self::WorkflowRuns => wire::read_workflow(text, Job::from_wire_workflow),
        }
    }
}

/// Why jobs or workflow runs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Read(#[from] io::Error),
    /// One of the records is not valid.
    #[error(
        "{0} {number} is not in the format of the Amperity API: {problem}; the file must contain \
         {0}s, as a JSON array or one per line, such as the elements of `data` in the response to \
         {1}",
        .records.noun(), .records.request()
    )]
    Invalid {
        /// What the file should hold.
        records: Records,
        /// Which one, from 1.
        number: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The run history in memory cannot be used.
    #[error(transparent)]
    History(#[from] StoreError),
    /// A record started long before the ones read earlier.
    #[error(
        "{0} {id} started at {start}, but comes {LOOKAHEAD} or more entries after {0}s that started \
         later: sort the file by the time the {0}s started",
        .records.noun()
    )]
    Unsorted {
        /// What the file holds.
        records: Records,
        /// Its id.
        id: String,
        /// When it started.
        start: Timestamp,
    },
}

/// The jobs or workflow runs of a file, in the order in which they started.
/// Those without any time are left out.
pub struct JobsFile<R> {
    records: Records,
    objects: Objects<R>,
    read: u64,
    waiting: BinaryHeap<Reverse<Waiting>>,
    ended: bool,
    latest: Timestamp,
}

impl<R: BufRead> JobsFile<R> {
    /// The records that `reader` gives.
    pub fn new(reader: R, records: Records) -> Self {
        Self {
            records,
            objects: Objects(reader),
            read: 0,
            waiting: BinaryHeap::new(),
            ended: false,
            latest: Timestamp::MIN,
        }
    }

    /// Reads one more entry of the file; `None` at its end.
    fn read(&mut self) -> Result<Option<Job>, JobsError> {
        let Some(object) = self.objects.next()? else {
            return Ok(None);
        };
        self.read += 1;
        let invalid = |problem: String| JobsError::Invalid {
            records: self.records,
            number: self.read,
            problem,
        };
        let job = self.records.parse(&object);
        let job = job.map_err(|error| invalid(error.to_string()))?;
        let job = job.ok_or_else(|| invalid("it has no id".to_owned()))?;
        Ok(Some(job))
    }

    fn next_in_order(&mut self) -> Result<Option<Job>, JobsError> {
        while !self.ended && self.waiting.len() < LOOKAHEAD {
            match self.read()? {
                Some(job) => {
                    if let Some(start) = first_time(&job) {
                        let number = self.read;
                        self.waiting.push(Reverse(Waiting { start, number, job }));
                    }
                }
                None => self.ended = true,
            }
        }
        let Some(Reverse(Waiting { start, job, .. })) = self.waiting.pop() else {
            return Ok(None);
        };
        if start < self.latest {
            return Err(JobsError::Unsorted {
                records: self.records,
                id: job.id.to_string(),
                start,
            });
        }
        self.latest = start;
        Ok(Some(job))
    }
}

impl<R: BufRead> Iterator for JobsFile<R> {
    type Item = Result<Job, JobsError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_in_order().transpose()
    }
}

/// When a job first became visible; `None` without any time.
pub(crate) fn first_time(job: &Job) -> Option<Timestamp> {
    let ends = job.tables.iter().filter_map(|table| table.ended_at);
    job.started_at().or(ends.min())
}

/// A job that waits for those that started before it.
struct Waiting {
    start: Timestamp,
    number: u64,
    job: Job,
}

impl Waiting {
    fn key(&self) -> (Timestamp, u64) {
        (self.start, self.number)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The outermost JSON objects of a text, whatever stands between them.
struct Objects<R>(R);

impl<R: BufRead> Objects<R> {
    /// The bytes of the next one. One that is cut off is returned as it is,
    /// for the parser to report.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut object, mut depth) = (Vec::new(), 0_usize);
        let (mut in_string, mut escaped) = (false, false);
        loop {
            let bytes = self.0.fill_buf()?;
            if bytes.is_empty() {
                return Ok((!object.is_empty()).then_some(object));
            }
            let mut end = None;
            let mut start = if depth == 0 { bytes.len() } else { 0 };
            for (index, byte) in bytes.iter().enumerate() {
                match (byte, in_string) {
                    (_, true) if escaped => escaped = false,
                    (b'\\', true) => escaped = true,
                    (b'"', _) if depth > 0 => in_string = !in_string,
                    (b'{', false) => {
                        if depth == 0 {
                            start = index;
                        }
                        depth += 1;
                    }
                    (b'}', false) if depth > 0 => {
                        depth -= 1;
                        if depth == 0 {
                            end = Some(index + 1);
                            break;
                        }
                    }
                    _ => {}
                }
            }
            let used = end.unwrap_or(bytes.len());
            object.extend_from_slice(&bytes[start.min(used)..used]);
            self.0.consume(used);
            if end.is_some() {
                return Ok(Some(object));
            }
            if object.len() > MAX_JOB {
                let message = "an entry of more than 128 MiB, or one without an end";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Result<Vec<String>, JobsError> {
        // The smallest buffer there is, so that every object is in pieces.
        let reader = io::BufReader::with_capacity(1, text.as_bytes());
        let jobs = JobsFile::new(reader, Records::Jobs);
        jobs.map(|job| job.map(|job| job.id.to_string())).collect()
    }

    fn job(id: &str, start: &str) -> String {
        format!(r#"{{"id":"{id}","tables":[{{"table_name":"a \" }}","started_at":"{start}"}}]}}"#)
    }

    #[test]
    fn an_array_and_lines_give_the_same_jobs_in_the_order_of_their_starts() {
        let one = job("one", "2026-11-01T00:00:00Z");
        let two = job("two", "2026-11-02T00:00:00Z");
        let never = r#"{"id":"never","tables":[]}"#;
        let array = format!(" [{two},\n {never}, {one}]\n");
        let lines = format!("{two}\n{never}\n{one}\n");
        assert_eq!(ids(&array).unwrap(), ["one", "two"]);
        assert_eq!(ids(&lines).unwrap(), ["one", "two"]);
        assert!(ids("").unwrap().is_empty());
    }

    #[test]
    fn errors_say_which_job_and_what_to_do() {
        let good = job("one", "2026-11-01T00:00:00Z");
        let error = |text: &str| ids(text).unwrap_err().to_string();
        insta::assert_snapshot!(error(&format!("{good}\n{{\"data\": []}}")), @"job 2 is not in the format of the Amperity API: it has no id; the file must contain jobs, as a JSON array or one per line, such as the elements of `data` in the response to GET /ingest/jobs");
        insta::assert_snapshot!(error(&format!("{good}\n{{\"id\": ")), @"job 2 is not in the format of the Amperity API: EOF while parsing a value at line 1 column 7; the file must contain jobs, as a JSON array or one per line, such as the elements of `data` in the response to GET /ingest/jobs");
    }

    #[test]
    fn a_file_that_is_not_sorted_is_an_error() {
        let newest_first = (0_i64..=20_000).map(|index| {
            let start = Timestamp::from_second(2_000_000_000 - index).unwrap();
            job(&format!("isj-{index}"), &start.to_string())
        });
        let text: String = newest_first.collect();
        let error = ids(&text).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"job isj-20000 started at 2033-05-17T22:00:00Z, but comes 20000 or more entries after jobs that started later: sort the file by the time the jobs started");
    }
}
