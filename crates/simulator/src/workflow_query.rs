//! The query of `GET /workflow/runs`: optional windows and filters, and pages.
//!
//! A page ends with a token for the next one. It holds a position in the list,
//! newest first, and is valid only with the filters of the page before. So runs
//! that start meanwhile shift the list, and one run can be on two pages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;

use super::query::timestamp;
use crate::random::hash;

/// The page size without `limit`, and the largest one.
const DEFAULT_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1000;

/// The states that the documentation names for the filter. `failed` is not
/// among them.
const FILTER_STATES: [&str; 5] = ["started", "in_progress", "stopping", "stopped", "succeeded"];

/// The parameters of `GET /workflow/runs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkflowQuery {
    pub(super) created: Range<Timestamp>,
    /// `None` includes runs that have not ended.
    pub(super) ended: Option<Range<Timestamp>>,
    pub(super) state: Option<String>,
    pub(super) workflow_type: Option<String>,
    pub(super) limit: usize,
    /// How many runs to skip.
    pub(super) offset: usize,
    pub(super) with_total: bool,
    /// Of the filters, for the token.
    filters: u64,
}

impl WorkflowQuery {
    /// Parses a query; the error is the message for the client.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut values: BTreeMap<Cow<str>, Cow<str>> = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            if values.insert(key.clone(), value).is_some() {
                return Err(format!("{key} must be given once"));
            }
        }
        let text = |key: &str| values.get(key).map(AsRef::as_ref);
        let created = window(&values, "created")?.unwrap_or(Timestamp::MIN..Timestamp::MAX);
        let state = text("state").map(state).transpose()?;
        let limit = match text("limit").map(str::parse) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit @ 1..)) => LARGEST_LIMIT.min(limit),
            Some(_) => return Err("limit must be a number of at least 1".to_owned()),
        };
        let with_total = match text("with_total") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err("with_total must be true or false".to_owned()),
        };
        let filters = values
            .iter()
            .filter(|(key, _)| !matches!(&***key, "limit" | "next_token" | "with_total"))
            .fold(1, |sum: u64, (key, value)| {
                sum.rotate_left(7) ^ hash(&format!("{key}={value}"))
            });
        let offset = match text("next_token") {
            None => 0,
            Some(token) => position(token, filters)
                .ok_or_else(|| "next_token must be the one of the page before".to_owned())?,
        };
        Ok(Self {
            created,
            ended: window(&values, "ended")?,
            state,
            workflow_type: text("type").map(str::to_owned),
            limit,
            offset,
            with_total,
            filters,
        })
    }

    /// The token for the page after this one.
    pub(super) fn next_token(&self) -> String {
        let next = (self.offset + self.limit) as u64;
        format!("{:016x}{next:x}", self.filters ^ next)
    }
}

/// The position in a token; `None` if it was made for other filters.
fn position(token: &str, filters: u64) -> Option<usize> {
    let (check, next) = token.split_at_checked(16)?;
    let next = u64::from_str_radix(next, 16).ok()?;
    let check = u64::from_str_radix(check, 16).ok()?;
    (check == filters ^ next).then(|| usize::try_from(next).ok())?
}

fn window(
    values: &BTreeMap<Cow<str>, Cow<str>>,
    name: &str,
) -> Result<Option<Range<Timestamp>>, String> {
    let time = |end: &str| {
        let key = format!("{name}_{end}");
        let value = values.get(&*key).map(|value| {
            timestamp(value).ok_or_else(|| format!("{key} must be an ISO-8601 timestamp in UTC"))
        });
        value.transpose()
    };
    let (from, to) = (time("from")?, time("to")?);
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    let window = from.unwrap_or(Timestamp::MIN)..to.unwrap_or(Timestamp::MAX);
    if window.is_empty() {
        return Err(format!("{name}_from must be before {name}_to"));
    }
    Ok(Some(window))
}

/// The state as the list has it: in lower case with underscores.
fn state(value: &str) -> Result<String, String> {
    let state = value.to_lowercase().replace([' ', '-'], "_");
    if FILTER_STATES.contains(&state.as_str()) {
        Ok(state)
    } else {
        Err(format!("state must be one of {}", FILTER_STATES.join(", ")))
    }
}
