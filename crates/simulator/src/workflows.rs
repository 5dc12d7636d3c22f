//! `GET /workflow/runs` and `GET /workflow/runs/{id}`.

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::Inner;
use super::response::{ErrorResponse, HandlerResult, to_json};
use super::workflow_query::WorkflowQuery;
use super::world::{View, WorkflowBody};

#[derive(Serialize)]
struct ListBody {
    data: Vec<WorkflowBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

impl Inner {
    /// Whether the tenant's key may read workflows.
    fn check_policy(&self, tenant: &str) -> Result<(), ErrorResponse> {
        let tenant = self.world.get(tenant);
        if tenant.is_some_and(|tenant| tenant.workflow_policy) {
            return Ok(());
        }
        let message = "The API key does not have permission for this operation.";
        Err(ErrorResponse::new(StatusCode::FORBIDDEN, message))
    }

    pub(super) fn workflow_runs(&self, tenant: &str, query: &str, now: Timestamp) -> HandlerResult {
        self.check_policy(tenant)?;
        let query =
            WorkflowQuery::parse(query).map_err(|message| ErrorResponse::bad_request(&message))?;
        let end = query.created.end.min(super::just_after(now));
        let world = self.world.get(tenant);
        let mut runs = world
            .map(|tenant| tenant.workflow_runs(query.created.start..end))
            .unwrap_or_default();
        runs.retain(|run| {
            let progress = run.progress(now);
            let in_window = query.ended.as_ref().is_none_or(|window| {
                let ended = progress.ended;
                ended.is_some_and(|ended| window.contains(&ended))
            });
            let state = query.state.as_deref();
            let workflow_type = query.workflow_type.as_deref();
            in_window
                && state.is_none_or(|state| state == progress.state)
                && workflow_type.is_none_or(|wanted| wanted == run.workflow_type)
        });
        let total = runs.len();
        let view = if self.options.workflow_overviews {
            View::Overview
        } else {
            View::Whole
        };
        let newest_first = runs.iter().rev().skip(query.offset).take(query.limit);
        let data = newest_first
            .map(|run| WorkflowBody::of(run, tenant, view, now))
            .collect();
        let next_token = if query.offset.saturating_add(query.limit) < total {
            Some(query.next_token())
        } else {
            // On the last page the token is empty or absent.
            self.options.next_token.then(String::new)
        };
        Ok(to_json(&ListBody {
            data,
            next_token,
            total: query.with_total.then_some(total),
        }))
    }

    pub(super) fn workflow_run(
        &self,
        tenant: &str,
        id: &str,
        query: &str,
        now: Timestamp,
    ) -> HandlerResult {
        self.check_policy(tenant)?;
        let mut view = View::Overview;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*key, &*value) {
                ("view", "overview") => view = View::Overview,
                ("view", "verbose") => view = View::Verbose,
                ("view", _) => {
                    let message = "view must be overview or verbose";
                    return Err(ErrorResponse::bad_request(message));
                }
                _ => {}
            }
        }
        let run = self
            .world
            .get(tenant)
            .and_then(|tenant| tenant.find_workflow_run(id, now));
        let run =
            run.ok_or_else(|| ErrorResponse::new(StatusCode::NOT_FOUND, "No such workflow."))?;
        Ok(to_json(&WorkflowBody::of(&run, tenant, view, now)))
    }
}
