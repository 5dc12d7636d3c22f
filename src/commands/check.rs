//! `amperity_exporter check`: says in tables what a configuration means and
//! whether the state file can be used, and
//! with `--live` what each tenant's API answers to one real question.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::amperity::{ApiError, Client};
use crate::cli::Check;
use crate::clock::{Clock, before};
use crate::config::{Credentials, Mode, Secret, Settings, Tenant, length};
use crate::feeds::store::Store;
use crate::telemetry::{Telemetry, TenantTelemetry};

/// How far back the one question looks where jobs are discovered.
const WINDOW: Duration = Duration::from_hours(1);

/// Reads the configuration, asks if that is wanted, and writes the report.
/// Returns whether all is well.
///
/// # Errors
/// If the configuration is bad, or if the report cannot be written.
pub(super) async fn run(
    options: &Check,
    clock: &Clock,
    mut report: impl Write,
) -> anyhow::Result<bool> {
    let settings = options.settings.load()?;
    report.write_all(described(&settings).as_bytes())?;
    let state = settings.state_file.as_deref().map(Store::check);
    let mut all_well = true;
    if let Some(Err(problem)) = state {
        writeln!(report, "\n{problem}")?;
        all_well = false;
    }
    if options.live {
        let answers = ask_all(&settings, clock).await?;
        report.write_all(told(&answers).as_bytes())?;
        all_well &= answers.iter().all(|answer| answer.jobs.is_ok());
    }
    writeln!(report, "\n{}", if all_well { "OK" } else { "FAILED" })?;
    Ok(all_well)
}

async fn ask_all(settings: &Settings, clock: &Clock) -> anyhow::Result<Vec<Answer>> {
    let telemetry = Telemetry::new()?;
    let questions = settings.tenants.iter().map(|tenant| {
        let telemetry = telemetry.tenant(&tenant.tenant);
        tokio::spawn(ask(Arc::clone(tenant), telemetry, clock.clone()))
    });
    // Asked at the same time, told in order.
    let questions: Vec<_> = questions.collect();
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        answers.push(question.await?);
    }
    Ok(answers)
}

/// What one tenant's API answered.
#[derive(Debug)]
struct Answer {
    tenant: Arc<str>,
    /// The jobs it told of, in words.
    jobs: Result<String, ApiError>,
    elapsed: Duration,
    token_expiry: Option<Timestamp>,
}

/// Asks one question: for the jobs of the last hour, or for the first
/// configured job.
async fn ask(tenant: Arc<Tenant>, telemetry: TenantTelemetry, clock: Clock) -> Answer {
    let begin = Instant::now();
    let deadline = begin + tenant.api.timeout;
    let mut token_expiry = None;
    let jobs = match Client::new(&tenant, telemetry, clock.clone()) {
        Ok(client) => {
            let jobs = if let (None, Some(id)) = (tenant.discovery, tenant.jobs.first()) {
                let reply = client.job(id, deadline).await;
                token_expiry = reply.observed.token_expiry;
                reply.outcome.map(|_| id.to_string())
            } else {
                let now = clock.now();
                let from = before(now, WINDOW);
                let reply = client.jobs(from, now, deadline).await;
                token_expiry = reply.observed.token_expiry;
                let listing = reply.outcome;
                listing.map(|listing| format!("{} in the last hour", listing.jobs.len()))
            };
            jobs
        }
        Err(error) => Err(error),
    };
    Answer {
        tenant: Arc::clone(&tenant.tenant),
        jobs,
        elapsed: begin.elapsed(),
        token_expiry,
    }
}

/// What the settings mean.
fn described(settings: &Settings) -> String {
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
            let_in_by(&tenant.credentials),
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
            "on each scrape, unless the last answer is younger than {}",
            length(max_age)
        ),
    };
    let state = match &settings.state_file {
        Some(path) => format!("kept in {}", path.display()),
        None => "lost at a restart (no state file)".to_owned(),
    };
    let mut lines = table(head, rows);
    lines.push(String::new());
    lines.push(format!("refresh:  {refresh}"));
    lines.push(format!("counters: {state}"));
    let warnings = settings.warnings().into_iter();
    lines.extend(warnings.map(|warning| format!("warning:  {warning}")));
    lines.join("\n") + "\n"
}

fn let_in_by(credentials: &Credentials) -> String {
    let from = |secret: &Secret| match secret {
        Secret::Value(_) => "given in place".to_owned(),
        Secret::File(path) => format!("from {}", path.display()),
    };
    match credentials {
        Credentials::Token(secret) => format!("token {}", from(secret)),
        Credentials::OAuth2 { client_secret, .. } => {
            format!("oauth2, client secret {}", from(client_secret))
        }
    }
}

/// What the APIs answered; the failures in words below the table.
fn told(answers: &[Answer]) -> String {
    let head = ["TENANT", "RESULT", "JOBS", "TIME", "TOKEN ENDS"];
    let rows = answers.iter().map(|answer| {
        let (result, jobs) = match &answer.jobs {
            Ok(jobs) => ("ok".to_owned(), jobs.clone()),
            Err(error) => (error.reason.to_string(), "-".to_owned()),
        };
        [
            answer.tenant.to_string(),
            result,
            jobs,
            format!("{:.2}s", answer.elapsed.as_secs_f64()),
            answer
                .token_expiry
                .map_or_else(|| "unknown".to_owned(), |time| format!("{time:.0}")),
        ]
    });
    let mut lines = vec![String::new()];
    lines.extend(table(head, rows));
    let failures = answers.iter().filter_map(|answer| {
        let error = answer.jobs.as_ref().err()?;
        Some(format!("\n{}: {error}", answer.tenant))
    });
    lines.extend(failures);
    lines.join("\n") + "\n"
}

/// Lines with columns as wide as their widest cell.
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

#[cfg(test)]
mod tests;
