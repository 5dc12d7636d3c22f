//! The requests for ingest jobs, and those for anything by its id.

use jiff::Timestamp;
use tokio::time::Instant;

use super::failure::Failure;
use super::pacing::Priority;
use super::redact::clean;
use super::{ApiError, Call, Client, Listing, Reply, parse};
use crate::jobs::{Job, label};
use crate::telemetry::{Endpoint, Reason};

/// A request for one job or run by its id.
pub(super) struct ById {
    pub(super) path: [&'static str; 2],
    pub(super) query: Option<&'static str>,
    pub(super) endpoint: Endpoint,
    /// What is requested, in messages.
    pub(super) noun: &'static str,
    pub(super) parse: ParseOne,
}

/// Returns the entry, `None` without an id, and how many strings were shortened.
pub(super) type ParseOne = fn(&[u8]) -> Result<(Option<Job>, u64), serde_json::Error>;

impl Client {
    /// `GET /ingest/jobs/{id}`, with retries, until `deadline` at most.
    pub async fn job(&self, id: &str, deadline: Instant) -> Reply<Job> {
        self.job_with(id, Call::new(deadline, Priority::Refresh))
            .await
    }

    /// As [`job`](Self::job), but every request of a refresh goes first.
    pub async fn probe(&self, id: &str, deadline: Instant) -> Reply<Job> {
        self.job_with(id, Call::new(deadline, Priority::Probe))
            .await
    }

    async fn job_with(&self, id: &str, mut call: Call) -> Reply<Job> {
        let outcome = self.fetch_job(id, &mut call).await;
        let observed = call.observed;
        Reply { outcome, observed }
    }

    async fn fetch_job(&self, id: &str, call: &mut Call) -> Result<Job, ApiError> {
        let request = ById {
            path: ["ingest", "jobs"],
            query: None,
            endpoint: Endpoint::IngestJob,
            noun: "job",
            parse: parse::job,
        };
        self.fetch_by_id(&request, id, call).await
    }

    pub(super) async fn fetch_by_id(
        &self,
        request: &ById,
        id: &str,
        call: &mut Call,
    ) -> Result<Job, ApiError> {
        let ById { endpoint, noun, .. } = *request;
        let name = format!("GET {}/{}", request.path.join("/"), clean(id, 100, &[]));
        let explained = |failure| self.explained(&name, endpoint, &failure, call);
        // A URL drops these path segments, and the request would be for a list.
        if matches!(id, "" | "." | "..") || id.contains(char::is_control) {
            let text = format!("not the id of a {noun}");
            return Err(explained(Failure::permanent(Reason::NotFound, text)));
        }
        let [first, second] = request.path;
        let mut url = self.url(&[first, second, id]).map_err(explained)?;
        if request.query.is_some() {
            url.set_query(request.query);
        }
        let body = self.get(&name, endpoint, &url, call).await?;
        let answer = parse::off_thread(body, request.parse).await;
        let malformed = |text: String| {
            let failure = Failure::permanent(Reason::Malformed, text);
            self.explained(&name, endpoint, &failure, call)
        };
        let (job, shortened) = answer.map_err(malformed)?;
        self.count_shortened(shortened);
        let mut job =
            job.ok_or_else(|| malformed(format!("the response is a {noun} without an id")))?;
        if *job.id != *label::bounded(id) {
            let other = clean(&job.id, 100, &[]);
            return Err(malformed(format!(
                "the response is another {noun}, {other}"
            )));
        }
        if !self.files {
            job.drop_files();
        }
        Ok(job)
    }

    /// `GET /ingest/jobs` for the jobs started from `from` (inclusive) to
    /// `to` (exclusive), with retries, until `deadline` at most.
    pub async fn jobs(&self, from: Timestamp, to: Timestamp, deadline: Instant) -> Reply<Listing> {
        let mut call = Call::new(deadline, Priority::Refresh);
        let outcome = self.fetch_jobs(from, to, &mut call).await;
        let observed = call.observed;
        Reply { outcome, observed }
    }

    async fn fetch_jobs(
        &self,
        from: Timestamp,
        to: Timestamp,
        call: &mut Call,
    ) -> Result<Listing, ApiError> {
        let (name, endpoint) = ("GET ingest/jobs", Endpoint::IngestJobs);
        let mut url = self
            .url(&["ingest", "jobs"])
            .map_err(|failure| self.explained(name, endpoint, &failure, call))?;
        url.query_pairs_mut()
            .append_pair("created_from", &format!("{from:.3}"))
            .append_pair("created_to", &format!("{to:.3}"));
        let body = self.get(name, endpoint, &url, call).await?;
        let files = self.files;
        let listing = parse::off_thread(body, move |body| parse::jobs(body, files)).await;
        let listing = listing.map_err(|text| {
            let failure = Failure::permanent(Reason::Malformed, text);
            self.explained(name, endpoint, &failure, call)
        })?;
        self.count_shortened(listing.shortened);
        Ok(listing)
    }
}
