//! The catalogue for people: what `amperity_exporter metrics` prints and
//! `docs/METRICS.md` holds.

use std::fmt::Write;

use super::{Family, feeds, jobs, tenants};
use crate::jobs::State;
use crate::telemetry::{self, Reason};

const INTRODUCTION: &str = "\
# Metrics

<!-- Written by the program: cargo run -- metrics > docs/METRICS.md -->

Every family of the metrics page. The text format 0.0.4 and OpenMetrics 1.0 carry the same series;
in OpenMetrics the TYPE and HELP lines of a counter name it without `_total`, and counters have a
`_created` sample where their beginning is known. Values are in base units, times in seconds since
1970, and a number that is not known has no series.
";

const JOBS: &str = "\
One set of series per table of a job, as the Amperity API answered at the last refresh. A job has a
new `job_id` for every run; for dashboards and alerts over days, see the feeds below.
";

const FEEDS: &str = "\
One set of series per feed and table. A run is one table entry of one ingest job for the feed; it is
finished when the job will not change it any more.
";

const LABELS: &str = "
## What the labels hold

| label | value |
|---|---|
| `tenant` | the tenant's id, as configured |
| `job_id` | the id of an ingest job, such as `isj-20240701-48815-6dcXdk`; new for every run |
| `table` | the name of the table that is loaded |
| `feed` | the id of the feed the rows come from, such as `df-5L6d1veh` |
| `file` | the id of a file of the job, or its name if it has no id |
| `workflow_id` | the id of the workflow that ran the job |
| `endpoint` | what was asked of the API: `token` (OAuth2), `ingest_job` (one job), `ingest_jobs` (the list) |
| `code` | an HTTP status; `error` where no answer came |
";

const SERIES: &str = "\
## How many series to expect

| for each | series |
|---|---|
| table of a job | 20, and one more while its state is undocumented |
| file of a table, with `collect.files` | 2 |
| job | 1, and one more if it is configured by id |
| feed | 34, or 45 in OpenMetrics, which Prometheus asks for: there each counter also says when it began (`_created`). One or two more for each final state beyond the documented ones that a run ever ended in (`unknown` for none at all), and one more while its state is undocumented |
| tenant | 30, 12 per endpoint in use, and one per HTTP status the API answered |

Jobs stay on the page as long as `discovery.window` reaches; their number is bounded by
`limits.jobs`.

For example, 300 feeds that run hourly, each by a job of its own, with `discovery.window: 24h`:

| on the page | series | text 0.0.4 | OpenMetrics | either with gzip |
|---|---|---|---|---|
| jobs (`collect: {feeds: false}`) | 151,000 | 19.6 MB | 19.6 MB | 2.2 MB |
| feeds (`collect: {jobs: false}`) | 10,000, in OpenMetrics 13,000 | 1.0 MB | 1.3 MB | 0.1 MB |
| both | 161,000, in OpenMetrics 164,000 | 20.6 MB | 20.9 MB | 2.3 MB |

Each hour of the window adds 6,300 series and 0.8 MB there, while the feeds cost the same however
often they run. And every run is a new `job_id`, 7,200 a day, so that Prometheus stores 151,000 new
series a day. For many feeds a short window, or `collect: {jobs: false}`, leaves what dashboards and
alerts over days need.
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

/// The rows of the labels whose values are few.
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
        "| `state` | unfinished: {running}; finished: {finished}. What the Amperity API says, in \
         lower case with underscores |\n\
         | `reason` | why a refresh failed, see below |\n\n\
         | `reason` | what happened |\n|---|---|\n"
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
