//! The catalogue in Markdown: the output of `amperity_exporter metrics`, which
//! is `docs/METRICS.md`.

use std::fmt::Write;

use super::{Family, feeds, jobs, tenants, workflows};
use crate::jobs::State;
use crate::telemetry::{self, Reason};

const INTRODUCTION: &str = "\
# Metrics

<!-- Generated: cargo run -- metrics > docs/METRICS.md -->

Every metric family on the metrics page. Values are in base units, times are Unix times in seconds,
and an unknown value has no series.

The page is Prometheus text (0.0.4 or 1.0.0), OpenMetrics 1.0 or 2.0, or Prometheus protobuf, as the
client requests; all of them carry the same series. In OpenMetrics 1.0 the TYPE and HELP lines name a
counter without `_total`. Protobuf and OpenMetrics 2.0 also have the time at which each counter was 0
(its start timestamp): a Prometheus that stores it counts the first run of a new feed. OpenMetrics 1.0
has that time as a `_created` series of each counter of a feed or workflow with
`exposition: {created_series: true}`.

OpenMetrics 2.0 is written as its release candidate 0 specifies. A Prometheus 3.16 reads it with
`--enable-feature=openmetrics2` and `scrape_protocols: [OpenMetricsText2.0.0]`, and calls that
experimental; the candidate may still change. Only a client that names version 2.0.0 gets it.

`increase()` ignores the first value of a series. So the counters of a new feed or workflow, and a new
value of the label `state`, are published at 0 for one refresh, in every format, and with their value
from the next one on. A client that scrapes less often than `refresh.interval` may miss the 0, and if
the exporter restarts in between, the 0 is not repeated: then only a start timestamp tells that the
counter began at 0. A new value of the label `code`, such as the first 500 of the Amperity API, is
published at 0 for 70 seconds.

In protobuf and OpenMetrics 2.0, `amperity_api_request_duration_seconds` and
`amperity_feed_run_duration_seconds` are native histograms as well (schema 3: eight buckets for each
power of two). A Prometheus with `scrape_native_histograms: true` stores each as one series, for
`histogram_quantile` over the durations of a feed's runs. Set `always_scrape_classic_histograms: true`
with it: the dashboard *Amperity / Exporter* uses the classic buckets. Without native histograms,
Prometheus makes a series `amperity_feed_run_duration_seconds_bucket{le=\"+Inf\"}` of each feed's, which
the other formats do not have. The durations of runs are in the state database like the counters; runs
that an earlier version counted are in the bucket of their mean duration.
";

const JOBS: &str = "\
One set of series per table of a job, as the Amperity API returned it at the last refresh. Every run
has a new `job_id`; for dashboards and alerts over days, use the feeds below.
";

const FEEDS: &str = "\
One set of series per feed and table. A run is one table entry of one ingest job for the feed. It is
finished once it is in a final state.
";

const WORKFLOWS: &str = "\
One set of series per workflow that `workflows.types` includes, by name and type. A run that fails
before ingest leaves no ingest job, but it is here.

What `GET /workflow/runs` returns is used as follows:

| field | use |
|---|---|
| `name`, `type` | the labels `workflow` and `type` |
| `id` | the labels `workflow_id` and `url` of `amperity_workflow_info` and `amperity_ingest_job_info`; counts a run once |
| `state`, `created_at`, `ended_at` | state, start, end and duration of a run |
| `error.attribution`, `error.type` | labels of `amperity_workflow_info`, `amperity_workflow_failures_total` |
| `error.message` | its first line is on the status page, in the log and in the state file; never a label, since it can be any text. E-mail addresses and the principal are removed |
| `error.data` | not read: its content is not documented |
| `principal_id`, `principal_name`, `principal_email` | personal data: read only to remove them from the message, and never exported, stored or logged |
| `tenant` | not read: it is the configured tenant |
| `launched_version`, `current_version` | not read: ids of configurations, which no other request explains |
| `warn_after_ms` | not read: Amperity sends that warning itself; compare `amperity_workflow_duration_limit_seconds` |
| `task_instances` | not read: tasks have no stable identity, and the error of a failed one is that of the run |
| `next_token` | followed to the last page |
| `total` | not requested, since it is expensive |
";

const LABELS: &str = "
## Label values

| label | value |
|---|---|
| `tenant` | the tenant's id, as configured |
| `job_id` | the id of an ingest job, such as `isj-20240701-48815-6dcXdk`; new for every run |
| `table` | the name of the table that the job loads |
| `feed` | the id of the feed that the rows come from, such as `df-5L6d1veh` |
| `file` | the id of a file of the job, or its name if it has no id |
| `workflow_id` | the id of a run of a workflow |
| `workflow` | the name of a workflow |
| `type` | the type of a workflow: that of the Amperity API without `amperity.` before it and `/run` after it, in lower case with underscores, a word that repeats the one before left out. `courier.group/run` is `courier_group`, `amperity.orchestration.orchestration/run` is `orchestration` |
| `attribution` | who can fix the error of a workflow: `customer` or `platform`, as the Amperity API says, or `unknown` |
| `error_type` | where a workflow failed, such as `amperity.workflow.task.stitch/table` |
| `url` | the address of a run of a workflow in Amperity, made from `ui_url` in the configuration; no such label without it |
| `endpoint` | the endpoint of the API: `token` (OAuth2), `ingest_job` (one job), `ingest_jobs` (the list), `workflow_run` (one run), `workflow_runs` (the list) |
| `code` | the HTTP status code; `error` if there was no response |
";

const SERIES: &str = "\
## How many series to expect

| for each | series |
|---|---|
| table of a job | 20, and one more while its state is undocumented |
| file of a table, with `collect.files` | 2 |
| job | 1, and one more if it is configured by id |
| feed | 47. One more for each undocumented final state that a run has ended in (`unknown` if it had no state), and one more while its state is undocumented |
| workflow | 30 |
| tenant | 36, 12 per endpoint in use, and one per HTTP status code that the API returned |

With `exposition: {created_series: true}`, OpenMetrics 1.0 has 11 more for each feed and 8 more for
each workflow: one for each counter.

Jobs stay on the page for `discovery.window`; `limits.jobs` limits their number.

For example, 300 feeds that each run hourly in a job of their own, with `discovery.window: 24h`:

| on the page | series | as text | with gzip |
|---|---|---|---|
| jobs (`collect: {feeds: false}`) | 151,000 | 19.6 MB | 2.2 MB |
| feeds (`collect: {jobs: false}`) | 14,000 | 1.4 MB | 0.1 MB |
| both | 165,000 | 21.0 MB | 2.3 MB |

There, each hour of the window adds 6,300 series and 0.8 MB, while the cost of the feeds does not
depend on how often they run. Every run has a new `job_id`, 7,200 a day, so Prometheus stores 151,000
new series a day. With many feeds, use a short window or `collect: {jobs: false}`: the feed families
are enough for dashboards and alerts over days.
";

const TABLE_HEAD: &str = "| family | type | labels | meaning |\n|---|---|---|---|\n";

/// The catalogue in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let about_exporter = |family: &&Family| {
        ["amperity_exporter_", "process_"]
            .iter()
            .any(|prefix| family.name.starts_with(prefix))
    };
    let others = || tenants::families().chain(telemetry::families());
    section(&mut page, "Ingest jobs", JOBS, jobs::families());
    section(&mut page, "Feeds", FEEDS, feeds::families());
    section(&mut page, "Workflows", WORKFLOWS, workflows::families());
    section(
        &mut page,
        "The Amperity API as the exporter sees it",
        "One set of series per configured tenant.\n",
        others().filter(|family| !about_exporter(family)),
    );
    section(
        &mut page,
        "The exporter itself",
        "The `process_` families exist on Linux only.\n",
        others().filter(about_exporter),
    );
    page.push_str(LABELS);
    values(&mut page);
    page.push('\n');
    page.push_str(SERIES);
    page
}

/// The labels with a fixed set of values.
fn values(page: &mut String) {
    let listed = |values: &mut dyn Iterator<Item = &str>| {
        let values: Vec<String> = values.map(|value| format!("`{value}`")).collect();
        values.join(", ")
    };
    let running = State::KNOWN.iter().filter(|state| !state.is_terminal());
    let running = listed(&mut running.map(State::as_str));
    let finished = listed(&mut State::TERMINAL.iter().map(State::as_str));
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "| `state` | unfinished: {running}; finished: {finished}. The state in the Amperity API, \
         in lower case with underscores |\n\
         | `reason` | why a refresh failed; see below |\n\n\
         | `reason` | meaning |\n|---|---|\n"
    );
    for reason in Reason::ALL {
        let _ = writeln!(page, "| `{reason}` | {} |", reason.meaning());
    }
}

fn section<'a>(
    page: &mut String,
    title: &str,
    introduction: &str,
    families: impl Iterator<Item = &'a Family>,
) {
    for line in ["\n## ", title, "\n\n", introduction, "\n", TABLE_HEAD] {
        page.push_str(line);
    }
    for family in families {
        let labels: Vec<String> = family
            .labels
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let Family { name, help, .. } = family;
        let kind = family.kind.as_str();
        let labels = labels.join(", ");
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {help} |");
    }
}
