//! The requests for runs of workflows.

use jiff::Timestamp;
use tokio::time::Instant;

use super::failure::Failure;
use super::jobs::ById;
use super::pacing::Priority;
use super::{ApiError, Call, Client, Reply, WorkflowPage, parse};
use crate::jobs::Job;
use crate::telemetry::{Endpoint, Reason};

/// Runs on one page. The API documents no largest number.
const PAGE: &str = "100";

/// The size limit of a page token, in bytes.
const LONGEST_TOKEN: usize = 8192;

/// Which runs of workflows to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkflowWindow {
    /// Which of their times is within the window.
    pub time: WorkflowTime,
    /// From (inclusive).
    pub from: Timestamp,
    /// To (exclusive).
    pub to: Timestamp,
}

/// A time of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowTime {
    /// When it began.
    Created,
    /// When it ended.
    Ended,
}

impl Client {
    /// One page of `GET /workflow/runs`, with retries, until `deadline` at most.
    /// `token` is that of the page before.
    pub async fn workflow_runs(
        &self,
        window: WorkflowWindow,
        token: Option<&str>,
        deadline: Instant,
    ) -> Reply<WorkflowPage> {
        let mut call = Call::new(deadline, Priority::Refresh);
        let outcome = self.fetch_workflows(window, token, &mut call).await;
        let observed = call.observed;
        Reply { outcome, observed }
    }

    async fn fetch_workflows(
        &self,
        window: WorkflowWindow,
        token: Option<&str>,
        call: &mut Call,
    ) -> Result<WorkflowPage, ApiError> {
        let (name, endpoint) = ("GET workflow/runs", Endpoint::WorkflowRuns);
        let mut url = self
            .url(&["workflow", "runs"])
            .map_err(|failure| self.explained(name, endpoint, &failure, call))?;
        let (from, to) = match window.time {
            WorkflowTime::Created => ("created_from", "created_to"),
            WorkflowTime::Ended => ("ended_from", "ended_to"),
        };
        url.query_pairs_mut()
            .append_pair(from, &format!("{:.3}", window.from))
            .append_pair(to, &format!("{:.3}", window.to))
            .append_pair("limit", PAGE);
        if let Some(token) = token {
            url.query_pairs_mut().append_pair("next_token", token);
        }
        let body = self.get(name, endpoint, &url, call).await?;
        let page = parse::off_thread(body, parse::workflows).await;
        let malformed = |text: String| {
            let failure = Failure::permanent(Reason::Malformed, text);
            self.explained(name, endpoint, &failure, call)
        };
        let page = page.map_err(malformed)?;
        let next = page.next_token.as_deref().unwrap_or_default();
        if next.len() > LONGEST_TOKEN || Some(next) == token {
            return Err(malformed(
                "the token of the next page is unusable".to_owned(),
            ));
        }
        self.count_shortened(page.shortened);
        Ok(page)
    }

    /// `GET /workflow/runs/{id}` with all fields, with retries, until `deadline`
    /// at most.
    pub async fn workflow_run(&self, id: &str, deadline: Instant) -> Reply<Job> {
        let mut call = Call::new(deadline, Priority::Refresh);
        let outcome = self.fetch_workflow(id, &mut call).await;
        let observed = call.observed;
        Reply { outcome, observed }
    }

    async fn fetch_workflow(&self, id: &str, call: &mut Call) -> Result<Job, ApiError> {
        let request = ById {
            path: ["workflow", "runs"],
            query: Some("view=verbose"),
            endpoint: Endpoint::WorkflowRun,
            noun: "workflow",
            parse: parse::workflow,
        };
        self.fetch_by_id(&request, id, call).await
    }
}
