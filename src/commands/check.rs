//! `amperity_exporter check`: shows what a configuration means, checks the
//! state file, the proxies and the web configuration file, and with `--live`
//! requests each tenant's jobs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::amperity::{self, ApiError, Client};
use crate::cli::Check;
use crate::clock::{Clock, before};
use crate::config::{Credentials, MAX_WINDOW, Mode, Secret, Settings, Tenant, length};
use crate::feeds::store::Store;
use crate::telemetry::{Telemetry, TenantTelemetry};
use crate::web::WebSecurity;

/// The window of the list request.
const WINDOW: Duration = Duration::from_hours(1);

/// Checks what the options ask for and prints a report. Returns whether all
/// checks passed.
///
/// # Errors
/// If a file is not valid, or the report cannot be written.
pub(super) async fn run(
    options: &Check,
    clock: &Clock,
    mut print: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let mut passed = true;
    if let Some(source) = &options.settings {
        let settings = source.load()?;
        for tenant in &settings.tenants {
            amperity::network(&tenant.api)?;
        }
        print(&describe_settings(&settings))?;
        let state = settings.state_file.as_deref().map(Store::check);
        if let Some(Err(problem)) = state {
            print(&format!("\n{problem}\n"))?;
            passed = false;
        }
        if options.live {
            let results = request_all(&settings, clock).await?;
            print(&describe_results(&results))?;
            passed &= results.iter().all(|result| result.jobs.is_ok());
        }
        print("\n")?;
    }
    if let Some(file) = &options.web_config_file {
        print(&format!("{}\n\n", check_web_config(file)?))?;
    }
    print(if passed { "OK\n" } else { "FAILED\n" })?;
    Ok(passed)
}

fn check_web_config(file: &Path) -> anyhow::Result<String> {
    let security = WebSecurity::from_file(file).context("--web.config.file")?;
    let mut lines = vec![format!("web configuration: {} is valid", file.display())];
    let warnings = security.warnings().into_iter();
    lines.extend(warnings.map(|warning| format!("warning:  {warning}")));
    Ok(lines.join("\n"))
}

/// One request per tenant, all at the same time; results in the tenants'
/// order.
async fn request_all(settings: &Settings, clock: &Clock) -> anyhow::Result<Vec<LiveResult>> {
    let telemetry = Telemetry::new()?;
    let tasks = settings.tenants.iter().map(|tenant| {
        let telemetry = telemetry.tenant(&tenant.tenant);
        tokio::spawn(request(Arc::clone(tenant), telemetry, clock.clone()))
    });
    let tasks: Vec<_> = tasks.collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await?);
    }
    Ok(results)
}

/// The result of a tenant's request.
#[derive(Debug)]
struct LiveResult {
    tenant: Arc<str>,
    /// The jobs found, in words.
    jobs: Result<String, ApiError>,
    /// What is expected of its feeds.
    feeds: Vec<[String; 6]>,
    elapsed: Duration,
    token_expiry: Option<Timestamp>,
}

/// Requests the jobs of the last hour, or the first configured job.
async fn request(tenant: Arc<Tenant>, telemetry: TenantTelemetry, clock: Clock) -> LiveResult {
    let start = Instant::now();
    let deadline = start + tenant.api.timeout;
    let mut token_expiry = None;
    let mut feeds = Vec::new();
    let jobs = match Client::new(&tenant, telemetry, clock.clone()) {
        Ok(client) => {
            if let (None, Some(id)) = (tenant.discovery, tenant.jobs.first()) {
                let reply = client.job(id, deadline).await;
                token_expiry = reply.observed.token_expiry;
                reply.outcome.map(|_| id.to_string())
            } else {
                let now = clock.now();
                let from = before(now, WINDOW);
                let reply = client.jobs(from, now, deadline).await;
                token_expiry = reply.observed.token_expiry;
                let listing = reply.outcome;
                if listing.is_ok() && tenant.collect.feeds {
                    let week = client.jobs(before(now, MAX_WINDOW), now, deadline).await;
                    feeds = week
                        .outcome
                        .map_or_else(|_| Vec::new(), |week| feeds::rows(&tenant, &week.jobs));
                }
                listing.map(|listing| format!("{} in the last hour", listing.jobs.len()))
            }
        }
        Err(error) => Err(error),
    };
    LiveResult {
        tenant: Arc::clone(&tenant.tenant),
        jobs,
        feeds,
        elapsed: start.elapsed(),
        token_expiry,
    }
}

/// What the settings mean, as a table and some lines.
fn describe_settings(settings: &Settings) -> String {
    let head = [
        "TENANT",
        "API",
        "CREDENTIALS",
        "JOBS",
        "DISCOVERY",
        "COLLECT",
    ];
    let rows = settings.tenants.iter().map(|tenant| {
        let Tenant { api, collect, .. } = &**tenant;
        let discovery = tenant.discovery.map_or_else(
            || "off".to_owned(),
            |window| format!("last {}", length(window)),
        );
        let kinds = [
            ("jobs", collect.jobs),
            ("feeds", collect.feeds),
            ("files", collect.files),
        ];
        let kinds = kinds.iter().filter(|(_, on)| *on).map(|(name, _)| *name);
        [
            tenant.tenant.to_string(),
            api.base_url.to_string(),
            describe_credentials(&tenant.credentials),
            tenant.jobs.len().to_string(),
            discovery,
            kinds.collect::<Vec<_>>().join(","),
        ]
    });
    let refresh = match settings.refresh.mode {
        Mode::Interval(interval) => {
            format!("in the background, every {}", length(interval))
        }
        Mode::Scrape { max_age } if max_age.is_zero() => "on each scrape".to_owned(),
        Mode::Scrape { max_age } => format!(
            "on each scrape, unless the data is younger than {}",
            length(max_age)
        ),
    };
    let state = match &settings.state_file {
        Some(path) => format!("kept in {}", path.display()),
        None => "reset at each restart (no state file)".to_owned(),
    };
    let mut lines = table(head, rows);
    lines.push(String::new());
    lines.push(format!("refresh:  {refresh}"));
    lines.push(format!("counters: {state}"));
    let warnings = settings.warnings().into_iter();
    lines.extend(warnings.map(|warning| format!("warning:  {warning}")));
    lines.join("\n") + "\n"
}

fn describe_credentials(credentials: &Credentials) -> String {
    let from = |secret: &Secret| match secret {
        Secret::Value(_) => "in the configuration".to_owned(),
        Secret::File(path) => format!("from {}", path.display()),
    };
    match credentials {
        Credentials::Token(secret) => format!("token {}", from(secret)),
        Credentials::OAuth2 { client_secret, .. } => {
            format!("oauth2, client secret {}", from(client_secret))
        }
    }
}

/// The results as a table, with the errors below.
fn describe_results(results: &[LiveResult]) -> String {
    let head = ["TENANT", "RESULT", "JOBS", "TIME", "TOKEN EXPIRES"];
    let rows = results.iter().map(|result| {
        let (outcome, jobs) = match &result.jobs {
            Ok(jobs) => ("ok".to_owned(), jobs.clone()),
            Err(error) => (error.reason.to_string(), "-".to_owned()),
        };
        [
            result.tenant.to_string(),
            outcome,
            jobs,
            format!("{:.2}s", result.elapsed.as_secs_f64()),
            result
                .token_expiry
                .map_or_else(|| "unknown".to_owned(), |time| format!("{time:.0}")),
        ]
    });
    let mut lines = vec![String::new()];
    lines.extend(table(head, rows));
    let feeds: Vec<_> = results
        .iter()
        .flat_map(|result| result.feeds.clone())
        .collect();
    if !feeds.is_empty() {
        lines.push(String::new());
        lines.extend(table(feeds::HEAD, feeds.into_iter()));
    }
    let errors = results.iter().filter_map(|result| {
        let error = result.jobs.as_ref().err()?;
        Some(format!("\n{}: {error}", result.tenant))
    });
    lines.extend(errors);
    lines.join("\n") + "\n"
}

/// The lines of a table with aligned columns.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Vec<String> {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows);
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let padded = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    all.iter().map(padded).collect()
}

mod feeds;
#[cfg(test)]
mod tests;
