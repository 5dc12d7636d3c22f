//! The table of the chart's values in its README, from the comments of its
//! `values.yaml`.

use std::fs;
use std::io;

use serde_json::Value;

const BEGIN: &str = "<!-- generated from values.yaml -->\n";

fn chart(file: &str) -> String {
    crate::repository(&format!("deploy/helm/amperity-exporter/{file}"))
}

/// Replaces the table in the chart's README.
///
/// # Errors
/// If a file cannot be read or written, or does not contain what is expected.
pub(crate) fn write() -> io::Result<()> {
    fs::write(chart("README.md"), readme()?)
}

/// The chart's README with a new table.
fn readme() -> io::Result<String> {
    let readme = fs::read_to_string(chart("README.md"))?;
    let (text, _) = readme
        .split_once(BEGIN)
        .ok_or_else(|| io::Error::other(format!("README.md of the chart has no line {BEGIN}")))?;
    let values = fs::read_to_string(chart("values.yaml"))?;
    let defaults: Value = serde_saphyr::from_str(&values).map_err(io::Error::other)?;
    Ok(format!("{text}{BEGIN}{}", table(&values, &defaults)))
}

/// One row for each key with a comment `# -- …` above it.
fn table(values: &str, defaults: &Value) -> String {
    let mut table = "\n| value | default | meaning |\n|---|---|---|\n".to_owned();
    // The keys that lead to the current line, with their indentation.
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut comment = None;
    for line in values.lines() {
        let text = line.trim_start();
        let indentation = line.len() - text.len();
        if let Some(description) = text.strip_prefix("# -- ") {
            comment = Some(description);
        } else if let Some((key, _)) = text.split_once(':').filter(|_| !text.starts_with('#')) {
            path.retain(|(outer, _)| *outer < indentation);
            path.push((indentation, key));
            if let Some(description) = comment.take() {
                let keys: Vec<&str> = path.iter().map(|(_, key)| *key).collect();
                let default = keys.iter().fold(defaults, |value, key| &value[key]);
                let row = format!("| `{}` | `{default}` | {description} |\n", keys.join("."));
                table.push_str(&row);
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_of_the_chart_is_generated() {
        let expected = readme().unwrap();
        let actual = fs::read_to_string(chart("README.md")).unwrap();
        assert!(
            actual == expected,
            "run: cargo run --package amperity_packaging"
        );
    }
}
