//! The Alertmanager example, checked by `amtool`, and the messages it sends.

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

/// A template with the data that Alertmanager gives it for these alerts.
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
            "annotations": {{"summary": "socktown: Orders (df-1) is late", "description": "A success was due by 2026-01-02 03:00.",
                "runbook_url": "https://wiki.example.com/runbook\#amperityfeedlate", "dashboard_url": "https://grafana.example.com/d/amperity-feed"}},
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
fn a_message_has_severity_time_texts_and_links() {
    insta::assert_snapshot!(render("amperity.title", "firing", &firing()), @"[1 firing] socktown: Orders (df-1) is late");
    insta::assert_snapshot!(render("amperity.text", "firing", &firing()), @"
    CRITICAL, since 2026-01-02 03:04 UTC: socktown: Orders (df-1) is late
    A success was due by 2026-01-02 03:00.
    Dashboard: https://grafana.example.com/d/amperity-feed

    What to do: https://wiki.example.com/runbook#amperityfeedlate
    In Amperity: https://socktown.amperity.com/
    ");
}

#[test]
fn a_message_without_an_address_names_the_section_of_the_runbook() {
    let plain = firing().replace("https://wiki.example.com/runbook#amperityfeedlate", "");
    let plain = plain.replace("https://grafana.example.com/d/amperity-feed", "");
    insta::assert_snapshot!(render("amperity.text", "firing", &plain), @"
    CRITICAL, since 2026-01-02 03:04 UTC: socktown: Orders (df-1) is late
    A success was due by 2026-01-02 03:00.

    What to do: AmperityFeedLate in docs/RUNBOOK.md
    In Amperity: https://socktown.amperity.com/
    ");
}

#[test]
fn a_message_of_several_alerts_counts_them_in_its_title_and_lists_them() {
    let two = [
        firing(),
        firing().replace("Orders (df-1)", "Returns (df-2)"),
    ]
    .join(",");
    insta::assert_snapshot!(render("amperity.title", "firing", &two), @"[2 firing] socktown: Orders (df-1) is late (and 1 more)");
    let many = vec![firing(); 12].join(",");
    let text = render("amperity.text", "firing", &many);
    assert_eq!(text.matches("is late").count(), 12, "{text}");
    assert_eq!(text.matches("A success was due").count(), 10, "{text}");
    assert_eq!(text.matches("What to do").count(), 1, "{text}");
}

#[test]
fn a_title_is_of_a_firing_alert_even_if_a_resolved_one_comes_first() {
    let ended = resolved()
        .replace("Orders (df-1) is late", "something else")
        .replace("/d/amperity-feed", "/d/something-else");
    let both = [ended, firing()].join(",");
    insta::assert_snapshot!(render("amperity.title", "firing", &both), @"[1 firing] socktown: Orders (df-1) is late");
    insta::assert_snapshot!(render("amperity.link", "firing", &both), @"https://grafana.example.com/d/amperity-feed");
}

#[test]
fn a_message_of_a_resolved_alert_says_when_it_ended() {
    insta::assert_snapshot!(render("amperity.title", "resolved", &resolved()), @"[resolved] socktown: Orders (df-1) is late");
    insta::assert_snapshot!(render("amperity.text", "resolved", &resolved()), @"
    RESOLVED at 2026-01-02 07:00 UTC: socktown: Orders (df-1) is late

    What to do: https://wiki.example.com/runbook#amperityfeedlate
    In Amperity: https://socktown.amperity.com/
    ");
}
