//! The shipped rules over a world's series, by Prometheus' own rule engine:
//! `promtool test rules` evaluates recording rules, alerts, `for` and
//! `keep_firing_for` as a server does, minute after minute of a clock of its
//! own. An expression test at each minute makes it print the firing alerts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::score::Alert;
use crate::series::Series;
use crate::world::label::Concern;

/// The firing alerts of one stretch of time: labels and minutes.
pub(crate) type Firing = BTreeMap<BTreeMap<String, String>, Vec<Timestamp>>;

/// A stretch to be evaluated: its series, and from when on its alerts count.
pub(crate) struct Stretch {
    pub(crate) series: Series,
    pub(crate) origin: Timestamp,
    /// Alerts before it only initialize the rules.
    pub(crate) counts_from: Timestamp,
}

/// Evaluates the rules in `folder` over a stretch.
pub(crate) fn evaluate(
    stretch: Stretch,
    step: SignedDuration,
    folder: &Path,
) -> anyhow::Result<Firing> {
    let Stretch {
        series,
        origin,
        counts_from,
    } = stretch;
    let files = [
        "amperity_thresholds.yml",
        "amperity_recording.yml",
        "amperity_alerts.yml",
    ];
    let files = files.map(|file| folder.join(file));
    let groups = group_names(&files)?;
    let mut test = String::new();
    let seconds = step.as_secs();
    writeln!(
        test,
        "rule_files: {}",
        list(files.iter().map(|file| file.display().to_string()))
    )?;
    writeln!(
        test,
        "evaluation_interval: {seconds}s\ngroup_eval_order: {}",
        list(groups)
    )?;
    writeln!(test, "tests:\n- interval: {seconds}s\n  input_series:")?;
    let steps = series.steps();
    test.push_str(&series.write());
    writeln!(test, "  promql_expr_test:")?;
    let first = counts_from.duration_since(origin).as_secs() / seconds;
    for index in first.max(0)..i64::try_from(steps)? {
        // Never true, so that promtool prints what there was.
        writeln!(
            test,
            "  - {{expr: 'ALERTS{{alertstate=\"firing\"}}', eval_time: {}s, exp_samples: [{{labels: none, value: 1}}]}}",
            index * seconds
        )?;
    }
    let file = tempfile::Builder::new().suffix(".yml").tempfile()?;
    std::fs::write(file.path(), test)?;
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(file.path())
        .output();
    let output = output.context("promtool cannot be run")?;
    let printed = [output.stdout, output.stderr].concat();
    parse(&String::from_utf8_lossy(&printed), origin)
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("'{item}'")).collect();
    format!("[{}]", items.join(", "))
}

/// The groups in the order of the files: alerts see what was just recorded.
fn group_names(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct File {
        groups: Vec<Group>,
    }
    #[derive(serde::Deserialize)]
    struct Group {
        name: String,
    }
    let mut names = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let file: File = serde_saphyr::from_str(&text)?;
        names.extend(file.groups.into_iter().map(|group| group.name));
    }
    Ok(names)
}

fn parse(output: &str, origin: Timestamp) -> anyhow::Result<Firing> {
    let mut firing = Firing::new();
    let mut time = None;
    for line in output.lines() {
        if let Some((_, rest)) = line.split_once(", time: ") {
            let elapsed = humantime::parse_duration(rest.trim_end_matches(','))?;
            time = Some(origin + SignedDuration::try_from(elapsed)?);
        }
        let mut rest = line;
        while let Some(start) = rest.find("{__name__=\"ALERTS\"") {
            let (labels, after) = labels(&rest[start + 1..])?;
            firing
                .entry(labels)
                .or_default()
                .push(time.context("an alert without a time")?);
            rest = after;
        }
        if line.contains("no file match pattern")
            || line.contains("parse error")
            || line.contains("error") && !line.contains("expr:") && !line.contains("got:")
        {
            bail!("promtool: {line}");
        }
    }
    ensure!(time.is_some(), "promtool evaluated nothing: {output}");
    Ok(firing)
}

/// Reads `name="value", …}`; returns what follows it, too.
fn labels(mut text: &str) -> anyhow::Result<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, rest) = text.split_once("=\"").context("a label without a value")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next().context("a label without an end")? {
                (_, '\\') => value.extend(characters.next().map(|(_, character)| character)),
                (index, '"') => break index + 1,
                (_, character) => value.push(character),
            }
        };
        labels.insert(name.trim_start_matches([',', ' ']).to_owned(), value);
        text = &rest[end..];
        if let Some(after) = text.strip_prefix('}') {
            labels.retain(|name, _| name != "__name__" && name != "alertstate");
            return Ok((labels, after));
        }
    }
}

/// Joins minutes to alerts that begin and end.
pub(crate) fn alerts(firing: Firing, step: SignedDuration) -> anyhow::Result<Vec<Alert>> {
    let mut alerts = Vec::new();
    for (labels, mut times) in firing {
        times.sort();
        times.dedup();
        let name = labels.get("alertname").cloned().unwrap_or_default();
        let concern =
            concern(&name).with_context(|| format!("{name} is not known to the backtest"))?;
        let text = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let feed = labels.get("feed").map(|feed| (text("table"), feed.clone()));
        let mut runs = times.chunk_by(|one, two| two.duration_since(*one) <= step);
        alerts.extend(runs.by_ref().map(|run| Alert {
            name: name.clone(),
            concern,
            severity: text("severity"),
            tenant: text("tenant"),
            feed: feed.clone(),
            from: run[0],
            to: run[run.len() - 1] + step,
            labels: labels.clone(),
        }));
    }
    alerts.sort_by_key(|alert| alert.from);
    Ok(alerts)
}

/// What an alert says, as a person would.
fn concern(alert: &str) -> Option<Concern> {
    Some(match alert {
        "AmperityFeedLate" | "AmperityManyFeedsLate" => Concern::Late,
        "AmperityFeedFailed" | "AmperityFeedStopped" | "AmperityManyFeedsFailed" => Concern::Failed,
        "AmperityFeedSlow" | "AmperityJobStuck" => Concern::Slow,
        "AmperityFeedFewRows" => Concern::FewRows,
        "AmperityFeedManyRows" => Concern::ManyRows,
        "AmperityFeedErrors" => Concern::Errors,
        "AmperityFeedRejections" => Concern::Rejections,
        name if name.starts_with("AmperityTenant") || name == "AmperityDataStale" => {
            Concern::Unreachable
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firing_alerts_are_read_from_what_promtool_prints() {
        let output = r#"
    expr: "ALERTS{alertstate=\"firing\"}", time: 0s,
        exp: {__name__="none"} 1E+00
        got: nil
    expr: "ALERTS{alertstate=\"firing\"}", time: 1h2m,
        exp: {__name__="none"} 1E+00
        got: {__name__="ALERTS", alertname="AmperityFeedLate", alertstate="firing", feed="f", severity="critical", table="a \"b\"", tenant="t"} 1E+00, {__name__="ALERTS", alertname="AmperityTenantUnreachable", alertstate="firing", severity="critical", tenant="t"} 1E+00
"#;
        let firing = parse(output, Timestamp::UNIX_EPOCH).unwrap();
        let alerts = alerts(firing, SignedDuration::from_mins(1)).unwrap();
        let described = alerts
            .iter()
            .map(|alert| (alert.from.as_second(), alert.concern, alert.feed.clone()));
        assert_eq!(
            described.collect::<Vec<_>>(),
            [
                (
                    3720,
                    Concern::Late,
                    Some(("a \"b\"".to_owned(), "f".to_owned()))
                ),
                (3720, Concern::Unreachable, None),
            ]
        );
    }
}
