//! The Alertmanager example, read by `amtool`, and the words it sends.

use std::fs;

use super::{array, repository, run, text, yaml};

#[test]
fn amtool_accepts_the_configuration_and_its_templates() {
    let path = repository("deploy/alertmanager/alertmanager.yml");
    let output = run("amtool", &["check-config", path.to_str().unwrap()]);
    assert!(output.contains("1 templates"), "{output}");
}

/// Alertmanager reads such a file from its working directory, not from beside
/// the configuration.
#[test]
fn files_that_alertmanager_reads_itself_have_absolute_paths() {
    let shipped = yaml(&repository("deploy/alertmanager/alertmanager.yml"));
    let receivers = array(&shipped, "receivers").iter();
    let slack = receivers.flat_map(|receiver| array(receiver, "slack_configs"));
    let paths: Vec<_> = slack.map(|slack| text(slack, "api_url_file")).collect();
    assert_eq!(paths, ["/etc/alertmanager/slack_url"]);
}

const FEED: &str = r#"{"alertname": "AmperityFeedLate", "severity": "critical", "tenant": "socktown", "table": "Orders", "feed": "df-1"}"#;

/// What Alertmanager hands to a template, of these alerts.
fn render(template: &str, status: &str, alerts: &str) -> String {
    let data = format!(
        r#"{{"receiver": "mail", "status": "{status}", "alerts": [{alerts}], "groupLabels": {{}},
            "commonLabels": {{}}, "commonAnnotations": {{}}, "externalURL": "http://alertmanager:9093"}}"#
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    fs::write(&path, data).unwrap();
    let templates = repository("deploy/alertmanager/templates/*.tmpl");
    run(
        "amtool",
        &[
            "template",
            "render",
            &format!("--template.glob={}", templates.display()),
            &format!("--template.data={}", path.display()),
            &format!("--template.text={{{{ template \"{template}\" . }}}}"),
        ],
    )
}

fn firing() -> String {
    format!(
        r#"{{"status": "firing", "labels": {FEED},
            "annotations": {{"summary": "socktown: feed df-1 for table Orders is late", "description": "No success for 2d 0h 15m 0s; usually there is one every 1d 0h 0m 0s.", "runbook_url": "docs/RUNBOOK.md\#amperityfeedlate"}},
            "startsAt": "2026-01-02T03:04:05Z", "endsAt": "0001-01-01T00:00:00Z"}}"#
    )
    .replace("\\#", "#")
}

fn resolved() -> String {
    firing()
        .replace(r#""firing""#, r#""resolved""#)
        .replace("0001-01-01T00:00:00Z", "2026-01-02T07:00:00Z")
}

#[test]
fn a_message_says_what_is_wrong_since_when_and_what_to_do() {
    insta::assert_snapshot!(render("amperity.title", "firing", &firing()), @"[1 firing] socktown: feed df-1 for table Orders is late");
    insta::assert_snapshot!(render("amperity.text", "firing", &firing()), @"
    CRITICAL, since 2026-01-02 03:04 UTC: socktown: feed df-1 for table Orders is late
    No success for 2d 0h 15m 0s; usually there is one every 1d 0h 0m 0s.
    What to do: docs/RUNBOOK.md#amperityfeedlate
    In Amperity: https://socktown.amperity.com/
    ");
}

#[test]
fn a_message_of_several_alerts_counts_them_in_its_title() {
    let two = [firing(), firing()].join(",");
    insta::assert_snapshot!(render("amperity.title", "firing", &two), @"[2 firing] socktown: feed df-1 for table Orders is late (and 1 more)");
}

#[test]
fn a_title_is_of_what_fires_even_if_something_else_that_ended_comes_first() {
    let ended = resolved()
        .replace("feed df-1 for table Orders is late", "something else")
        .replace("#amperityfeedlate", "#somethingelse");
    let both = [ended, firing()].join(",");
    insta::assert_snapshot!(render("amperity.title", "firing", &both), @"[1 firing] socktown: feed df-1 for table Orders is late");
    insta::assert_snapshot!(render("amperity.link", "firing", &both), @"docs/RUNBOOK.md#amperityfeedlate");
}

#[test]
fn a_message_of_the_end_says_when_it_was() {
    insta::assert_snapshot!(render("amperity.title", "resolved", &resolved()), @"[resolved] socktown: feed df-1 for table Orders is late");
    insta::assert_snapshot!(render("amperity.text", "resolved", &resolved()), @"RESOLVED at 2026-01-02 07:00 UTC: socktown: feed df-1 for table Orders is late");
}
