//! Parts of queries that several panels share.

/// Selects the tenants that the viewer chose.
pub(crate) const TENANTS: &str = r#"tenant=~"$tenant""#;
/// Selects the feed that the viewer chose.
pub(crate) const FEED: &str = r#"tenant="$tenant",table="$table",feed="$feed""#;

/// Fills in the selectors that stand in queries as `{TENANTS}` and `{FEED}`.
pub(crate) fn expand(expression: &str) -> String {
    expression
        .replace("{TENANTS", &format!("{{{TENANTS}"))
        .replace("{FEED", &format!("{{{FEED}"))
}

/// One series of a family for each feed, whichever exporter it is from.
pub(crate) fn by_feed(family: &str) -> String {
    format!("max by (tenant, table, feed) ({family}{{{TENANTS}}})")
}

/// The series of a family of the chosen feed.
pub(crate) fn of_feed(family: &str) -> String {
    format!("max({family}{{{FEED}}})")
}

/// A part of a whole that is not zero.
pub(crate) fn share(part: &str, whole: &str) -> String {
    format!("{part} / ({whole} > 0)")
}

/// Feeds with an unfinished run. An exporter that lost the API still shows
/// what ran then, so it is left out.
pub(crate) fn running_since(selector: &str) -> String {
    format!(
        "amperity_feed_running_since_timestamp_seconds{{{selector}}} \
         and on (tenant, job, instance) amperity_up == 1"
    )
}

/// Numbers for the state in a family with the label `state`; their meaning is
/// in `style::state_mapping`.
pub(crate) fn state(family: &str, by: &str, selector: &str) -> String {
    const STATES: [&str; 7] = [
        "scheduled|started",
        "in_progress|running|finalizing",
        "succeeded",
        "skipped",
        "stopping|stopped",
        "canceled",
        "failed",
    ];
    let known = STATES.iter().map(|states| {
        let equals = if states.contains('|') { "=~" } else { "=" };
        format!("state{equals}\"{states}\"")
    });
    let other = format!(
        "state!~\"{}\"",
        "scheduled|started|in_progress|running|finalizing|succeeded|skipped|stopping|stopped\
         |canceled|failed"
    );
    let parts: Vec<String> = known
        .chain([other])
        .zip(1..)
        .map(|(states, number)| format!("  {number} * ({family}{{{selector},{states}}} == 1)"))
        .collect();
    format!("max by ({by}) (\n{}\n)", parts.join("\n  or\n"))
}
