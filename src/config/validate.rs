//! From the configuration as it is written to the configuration as it is
//! meant: defaults, bounds and contradictions. All problems are
//! found in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::error::{ConfigError, Problems};
use super::file::{self, File, Origin, Written};
use super::values::{Bounds, Reader, folder_of};
use super::workflow_types::short_type;
use super::{
    Collect, DEFAULT_FORGET_AFTER, DEFAULT_STALE_AFTER, DEFAULT_WINDOW, FeedRules, MAX_WINDOW,
    Mode, Refresh, Settings, Tenant, WorkflowTypes,
};

mod api;
mod credentials;
mod expect;

use api::ApiOverrides;
use credentials::credentials;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

const INTERVAL: Bounds = Bounds {
    default: MINUTE,
    least: SECOND,
    most: DAY,
};
const MAX_AGE: Bounds = Bounds {
    default: Duration::ZERO,
    least: Duration::ZERO,
    most: DAY,
};
const WINDOW: Bounds = Bounds {
    default: DEFAULT_WINDOW,
    least: MINUTE,
    most: MAX_WINDOW,
};
/// The API lists a finished run for a week: a feed forgotten sooner would
/// have its runs counted again.
const FORGET_AFTER: Bounds = Bounds {
    default: DEFAULT_FORGET_AFTER,
    least: MAX_WINDOW,
    most: Duration::from_hours(3650 * 24),
};
const MAX_JOBS: usize = 10_000;
const RESPONSE_BYTES: u64 = 64 << 20;
const PAGE_BYTES: u64 = 256 << 20;

/// The settings of tenants that have none of their own.
struct General {
    max_jobs: usize,
    response_bytes: u64,
    page_bytes: u64,
    created_series: bool,
    feed_rules: Arc<FeedRules>,
    workflow_types: Arc<WorkflowTypes>,
    ui_url: Option<Arc<str>>,
    api: ApiOverrides,
}

/// Turns what was written into settings.
pub(super) fn settings(written: File, problems: Problems) -> Result<Settings, ConfigError> {
    let folder = folder_of(problems.file());
    let mut reader = Reader { problems, folder };
    let refresh = refresh(&mut reader, &written.refresh);
    let general = General {
        max_jobs: max_jobs(&mut reader, &written.limits),
        response_bytes: reader.bytes(
            &written.limits.response_bytes,
            "limits.response_bytes",
            RESPONSE_BYTES,
        ),
        page_bytes: reader.bytes(&written.limits.page_bytes, "limits.page_bytes", PAGE_BYTES),
        created_series: written.exposition.created_series.unwrap_or_default(),
        feed_rules: expect::feed_rules(&mut reader, &written.feeds.expect).into(),
        workflow_types: workflow_types(&mut reader, &written.workflows).into(),
        ui_url: ui_url(&mut reader, &written.ui_url),
        api: api::api_overrides(&mut reader, &written.api, "api"),
    };
    let tenants = tenants(&mut reader, &written.tenants, &general);
    let state_file = written.state.file.map(|path| {
        let full = reader.path(&path);
        if path.value.as_os_str().is_empty() {
            reader
                .problems
                .add(path.origin, "state.file", "must not be blank");
        } else if full.is_dir() {
            let message = "is a directory; name a file in it";
            reader.problems.add(path.origin, "state.file", message);
        } else if !folder_of(Some(&full)).join(".").is_dir() {
            let message = "its folder does not exist; create it for the user the exporter runs as";
            reader.problems.add(path.origin, "state.file", message);
        }
        full
    });
    let forget_after = &written.feeds.forget_after;
    let forget_after = reader.duration(forget_after, "feeds.forget_after", FORGET_AFTER);
    reader.problems.or(Settings {
        refresh,
        tenants,
        state_file,
        forget_after,
    })
}

fn refresh(reader: &mut Reader, written: &file::Refresh) -> Refresh {
    let interval = reader.duration(&written.interval, "refresh.interval", INTERVAL);
    let max_age = reader.duration(&written.max_age, "refresh.max_age", MAX_AGE);
    let name = written.mode.as_ref();
    let mode = match name.map(|text| text.value.as_str()) {
        None | Some("interval") => Mode::Interval(interval),
        Some("scrape") => Mode::Scrape { max_age },
        Some(_) => {
            if let Some(text) = name {
                let message = "must be interval or scrape";
                reader.problems.add(text.origin, "refresh.mode", message);
            }
            Mode::Interval(interval)
        }
    };
    // Data must live until the next refresh had its chance to replace it.
    let (age, field) = match mode {
        Mode::Interval(interval) => (interval, "refresh.interval"),
        Mode::Scrape { max_age } => (max_age, "refresh.max_age"),
    };
    let bounds = Bounds {
        default: DEFAULT_STALE_AFTER.max(age * 3),
        least: SECOND,
        most: DAY * 30,
    };
    let stale_after = reader.duration(&written.stale_after, "refresh.stale_after", bounds);
    if let Some(text) = &written.stale_after
        && stale_after <= age
    {
        let message = format!("must be longer than {field}; three times as long is usual");
        reader
            .problems
            .add(text.origin, "refresh.stale_after", message);
    }
    Refresh { mode, stale_after }
}

fn max_jobs(reader: &mut Reader, written: &file::Limits) -> usize {
    match &written.jobs {
        None => MAX_JOBS,
        Some(jobs) => {
            if jobs.value == 0 {
                let message = "must be at least 1";
                reader.problems.add(jobs.origin, "limits.jobs", message);
            }
            jobs.value
        }
    }
}

fn tenants(
    reader: &mut Reader,
    written: &[Written<file::Tenant>],
    general: &General,
) -> Vec<Arc<Tenant>> {
    if written.is_empty() {
        let message = "no tenants; list at least one under `tenants:`";
        reader.problems.add_missing(message);
    }
    let mut seen: BTreeMap<&str, Origin> = BTreeMap::new();
    let mut tenants = Vec::new();
    for (index, entry) in written.iter().enumerate() {
        let place = format!("tenants[{index}]");
        if let Some(name) = &entry.value.tenant
            && let Some(Origin::Line(first)) = seen.insert(&name.value, entry.origin)
        {
            let message = format!("the same tenant is listed in line {first}; merge the two");
            reader.problems.add(entry.origin, &place, message);
        }
        tenants.extend(tenant(reader, entry, &place, general).map(Arc::new));
    }
    tenants.sort_by(|one, two| one.tenant.cmp(&two.tenant));
    tenants
}

fn tenant(
    reader: &mut Reader,
    entry: &Written<file::Tenant>,
    place: &str,
    general: &General,
) -> Option<Tenant> {
    let written = &entry.value;
    let name = written.tenant.as_ref();
    let name = name.map(|name| reader.word(name, &format!("{place}.tenant")));
    if name.is_none() {
        let message = match entry.origin {
            Origin::Line(_) => "tenant is missing; add the tenant's id, such as `tenant: socktown`",
            Origin::Named(_) => "the tenant's id is missing; give the flag or AMPERITY_TENANT",
        };
        reader.problems.add(entry.origin, place, message);
    }
    let credentials = credentials(reader, entry, place);
    let discovery = written.discovery.as_ref().map(|discovery| {
        let place = format!("{place}.discovery");
        if discovery.window.is_none() {
            let message = "window is missing; add one, such as `window: 24h`";
            reader.problems.add(entry.origin, &place, message);
        }
        let place = format!("{place}.window");
        reader.duration(&discovery.window, &place, WINDOW)
    });
    if written.jobs.is_empty() && discovery.is_none() {
        let message = match entry.origin {
            Origin::Line(_) => "nothing to export; add `jobs:` or `discovery: {window: 24h}`",
            Origin::Named(_) => {
                "nothing to export; add --amperity.job=ID or --amperity.discovery-window=24h"
            }
        };
        reader.problems.add(entry.origin, place, message);
    }
    let jobs = jobs(reader, &written.jobs, place);
    let api = api::api_overrides(reader, &written.api(), place);
    Some(Tenant {
        tenant: name?.into(),
        api: api.or(&general.api, general.response_bytes)?,
        credentials: credentials?,
        jobs,
        discovery,
        collect: Collect {
            jobs: written.collect.jobs.unwrap_or(true),
            feeds: written.collect.feeds.unwrap_or(true),
            files: written.collect.files.unwrap_or(false),
            workflows: written.collect.workflows.unwrap_or(discovery.is_some()),
        },
        max_jobs: general.max_jobs,
        page_bytes: general.page_bytes,
        created_series: general.created_series,
        feed_rules: Arc::clone(&general.feed_rules),
        workflow_types: Arc::clone(&general.workflow_types),
        ui_url: general.ui_url.clone(),
    })
}

/// The most bytes of `ui_url`: a label value has 1,024 and needs some for ids.
const MAX_UI_URL: usize = 512;

/// The address of a run of a workflow, with placeholders.
fn ui_url(reader: &mut Reader, written: &file::Text) -> Option<Arc<str>> {
    let written = written.as_ref()?;
    let text = written.value.trim();
    let example = text.replace("{tenant}", "t").replace("{workflow_id}", "w");
    let url = example.parse::<reqwest::Url>();
    let is_web = url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_web || !text.contains("{workflow_id}") {
        let message = "must be the address of a workflow's run, with {workflow_id} in place of its \
                       id, and {tenant} in place of the tenant";
        reader.problems.add(written.origin, "ui_url", message);
    } else if text.len() > MAX_UI_URL {
        let message = format!("must be {MAX_UI_URL} bytes or less: it is a label value");
        reader.problems.add(written.origin, "ui_url", &message);
    }
    Some(text.into())
}

fn workflow_types(reader: &mut Reader, written: &file::Workflows) -> WorkflowTypes {
    let Some(types) = &written.types else {
        return WorkflowTypes::default();
    };
    for (index, text) in types.iter().enumerate() {
        if short_type(&text.value).is_empty() {
            let message = "must not be blank; `*` matches any";
            let place = format!("workflows.types[{index}]");
            reader.problems.add(text.origin, &place, message);
        }
    }
    if types.is_empty() {
        let message =
            "workflows.types is empty; to collect none, set `collect: {workflows: false}`";
        reader.problems.add_missing(message);
    }
    WorkflowTypes::new(types.iter().map(|text| text.value.as_str()))
}

/// Ids of jobs, ordered, each once.
fn jobs(reader: &mut Reader, written: &[Written<String>], place: &str) -> Vec<Arc<str>> {
    let mut jobs: Vec<Arc<str>> = Vec::with_capacity(written.len());
    for (index, id) in written.iter().enumerate() {
        let id = reader.word(id, &format!("{place}.jobs[{index}]"));
        jobs.push(id.into());
    }
    jobs.sort();
    jobs.dedup();
    jobs
}
