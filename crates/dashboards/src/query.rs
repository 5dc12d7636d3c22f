//! Shorthands of queries, and parts that several panels share.

/// Writes out the shorthands of a query:
///
/// - `{TENANTS}` selects the tenants that the viewer chose,
/// - `{FEED}` selects the feed that the viewer chose,
/// - `{WORKFLOW}` selects the workflow that the viewer chose,
/// - `BY_FEED` keeps one series of each feed, whichever exporter it is from.
pub(crate) fn expand(expression: &str) -> String {
    expression
        .replace("{TENANTS", r#"{tenant=~"$tenant""#)
        .replace("{FEED", r#"{tenant="$tenant",table="$table",feed="$feed""#)
        .replace("{WORKFLOW", r#"{tenant="$tenant",workflow="$workflow",type="$type""#)
        .replace("BY_FEED", "by (tenant, table, feed)")
}

/// A count that is 0 only while there is data to count in, and -1 without:
/// see `style::COUNT_TEXTS`.
pub(crate) fn count(problems: &str) -> String {
    format!("count({problems}) or 0 * count(amperity_up{{TENANTS}}) or vector(-1)")
}

/// A share of a whole that is not zero.
pub(crate) fn share(part: &str, whole: &str) -> String {
    format!("{part} / ({whole} > 0)")
}

/// What a counter gained in each interval of a graph, whichever exporter its
/// series, by these labels, are from. Without extrapolation, and the intervals
/// do not overlap: bars add up to the total.
pub(crate) fn gained(counter: &str, labels: &str, selector: &str) -> String {
    let now = format!("max by ({labels}) ({counter}{selector})");
    let before = format!("max by ({labels}) ({counter}{selector} offset $__interval)");
    format!("sum(clamp_min({now} - {before}, 0))")
}

/// The series of a family with the label `url`, one for each of these labels.
/// Where no address of runs is configured, it is that of the tenant.
pub(crate) fn with_address(labels: &str, series: impl Fn(&str) -> String) -> String {
    let (with, without) = (series("url!=\"\""), series("url=\"\""));
    let tenant = format!(r#"label_replace({without}, "url", "https://$1.amperity.com/", "tenant", "(.+)")"#);
    format!("({with}\n  or on ({labels})\n  {tenant})")
}

/// Numbers for the problems of feeds, by urgency: see `style::urgencies`.
pub(crate) fn urgency(selector: &str) -> String {
    let parts = crate::style::PROBLEMS.iter().zip(1..).map(|((problem, ..), number)| {
        format!("{number} * amperity:feed_problem{{{selector},problem=\"{problem}\"}} ^ 0")
    });
    parts.collect::<Vec<_>>().join("\nor\n")
}

/// Numbers for the state in a family with the label `state`: see
/// `style::STATES`.
pub(crate) fn state(series: &str, by: &str) -> String {
    const STATES: [&str; 7] = [
        "scheduled|started",
        "in_progress|running|finalizing",
        "succeeded",
        "skipped",
        "stopping|stopped",
        "canceled",
        "failed",
    ];
    let known = STATES.map(|states| format!("state=~\"{states}\""));
    let other = format!("state!~\"{}\"", STATES.join("|"));
    let parts: Vec<String> = known
        .into_iter()
        .chain([other])
        .zip(1..)
        .map(|(states, number)| format!("  {number} * ({} == 1)", series.replace("STATE", &states)))
        .collect();
    format!("max by ({by}) (\n{}\n)", parts.join("\n  or\n"))
}
