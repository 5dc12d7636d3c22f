//! The catalogue for people: what `amperity_exporter metrics` prints and
//! `docs/METRICS.md` holds.

use std::fmt::Write;

use super::{Family, feed_families, job_families, tenant_families};
use crate::telemetry::families::{API_FAMILIES, EXPORTER_FAMILIES, PROCESS_FAMILIES};

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

const SERIES: &str = "\
## How many series to expect

| for each | series |
|---|---|
| table of a job | 20, and one more while its state is undocumented |
| file of a table, with `collect.files` | 2 |
| job | 1, and one more if it is configured by id |
| feed | 34, and one more while its state is undocumented |
| tenant | 30, 12 per endpoint in use, and one per HTTP status the API answered |

Jobs stay on the page as long as `discovery.window` reaches; their number is bounded by
`limits.jobs`.
";

const TABLE_HEAD: &str = "| family | type | labels | meaning |\n|---|---|---|---|\n";

/// The catalogue in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    section(&mut page, "Ingest jobs", JOBS, job_families());
    section(&mut page, "Feeds", FEEDS, feed_families());
    section(
        &mut page,
        "The Amperity API as the exporter sees it",
        "One set of series per configured tenant.\n",
        tenant_families().chain(&API_FAMILIES),
    );
    section(
        &mut page,
        "The exporter itself",
        "The `process_` families are there on Linux only.\n",
        EXPORTER_FAMILIES.iter().chain(&PROCESS_FAMILIES),
    );
    page.push('\n');
    page.push_str(SERIES);
    page
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
