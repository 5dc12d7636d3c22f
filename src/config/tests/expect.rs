//! `feeds.expect`.

use super::*;

fn expect_problems(entries: &str) -> String {
    problems(format!("{SMALLEST}feeds:\n  expect:\n{entries}"))
}

#[test]
fn the_first_match_wins() {
    let entries = "
feeds:
  expect:
    - {table: 'Orders*', feed: df-1, team: one}
    - {table: 'Orders*', team: two}
    - {tenant: other, table: '*', team: three}
    - {table: '*', team: four}
";
    let settings = settings(&format!("{SMALLEST}{entries}"));
    let rules = &settings.tenants[0].feed_rules;
    let team = |table, feed| {
        let rule = rules.of("socktown", table, feed);
        rule.and_then(|rule| rule.team.clone()).unwrap()
    };
    assert_eq!(team("Orders EU", "df-1"), "one");
    assert_eq!(team("Orders EU", "df-2"), "two");
    assert_eq!(team("Returns", "df-1"), "four");
}

#[test]
fn everything_that_is_known_is_read() {
    let entries = "
feeds:
  expect:
    - table: Orders
      schedule: 30 2 * * 1-5
      timezone: Europe/Berlin
      within: 90m
      read_rows: {low: 1, high: 2}
      error_ratio: 0.01
      rejected_ratio: 1
      duration: 3h
      name: Orders, nightly
      team: crm
      severity: none
    - {table: Returns, every: 1h}
";
    let settings = settings(&format!("{SMALLEST}{entries}"));
    let rules = &settings.tenants[0].feed_rules;
    let orders = rules.of("socktown", "Orders", "df-1").unwrap();
    let Some(KnownSchedule::Cron(schedule, within)) = &orders.known.schedule else {
        panic!("{orders:?}");
    };
    assert_eq!(
        (schedule.line(), schedule.zone()),
        ("30 2 * * 1-5", "Europe/Berlin")
    );
    assert_eq!(*within, Duration::from_mins(90));
    assert_eq!(orders.known.low_read_rows, Some(1));
    assert_eq!(orders.known.high_read_rows, Some(2));
    assert_eq!(orders.known.error_ratio, Some(0.01));
    assert_eq!(orders.known.rejected_ratio, Some(1.0));
    assert_eq!(orders.known.duration, Some(Duration::from_hours(3)));
    assert_eq!(orders.name.as_deref(), Some("Orders, nightly"));
    assert_eq!(orders.team.as_deref(), Some("crm"));
    assert_eq!(orders.severity, Some(Severity::None));
    let returns = rules.of("socktown", "Returns", "df-1").unwrap();
    let hourly = KnownSchedule::Every(Duration::from_hours(1), Duration::from_mins(30));
    assert_eq!(returns.known.schedule, Some(hourly));
}

#[test]
fn an_entry_that_cannot_be_meant_is_an_error() {
    insta::assert_snapshot!(expect_problems("    - {table: a, schedule: 30 2 * *, timezone: Mars}\n"), @"
    amperity_exporter.yml:8: feeds.expect[0].timezone: not a time zone; write its name, like America/Los_Angeles
    amperity_exporter.yml:8: feeds.expect[0].schedule: not a cron expression that ever matches; write five fields like `30 2 * * 1-5`
    ");
    insta::assert_snapshot!(expect_problems("    - {table: a, schedule: 0 0 30 2 *}\n"), @"amperity_exporter.yml:8: feeds.expect[0].schedule: not a cron expression that ever matches; write five fields like `30 2 * * 1-5`");
    insta::assert_snapshot!(expect_problems("    - {table: a, every: 1d, ad_hoc: true}\n"), @"amperity_exporter.yml:8: feeds.expect[0]: more than one schedule; keep one of schedule, every and ad_hoc");
    insta::assert_snapshot!(expect_problems("    - {table: a, every: 1d, timezone: UTC}\n    - {table: b, team: b, within: 1h}\n"), @"
    amperity_exporter.yml:8: feeds.expect[0].timezone: has no effect on this schedule; remove it
    amperity_exporter.yml:9: feeds.expect[1].within: is for a schedule; add `schedule:` or `every:`
    ");
    insta::assert_snapshot!(expect_problems("    - {table: a}\n"), @"amperity_exporter.yml:8: feeds.expect[0]: says nothing about the feed; add a key, such as `every: 1d` or `team: crm`");
    insta::assert_snapshot!(expect_problems("    - {team: crm}\n"), @"amperity_exporter.yml:8: feeds.expect[0]: matches no feed; add `table:` or `feed:`, exact or with `*`");
    insta::assert_snapshot!(expect_problems("    - {table: '', team: crm}\n"), @"amperity_exporter.yml:8: feeds.expect[0].table: must not be empty; `*` matches any");
    insta::assert_snapshot!(expect_problems("    - {table: a, team: b}\n    - {table: a, every: 1d}\n"), @"amperity_exporter.yml:9: feeds.expect[1]: line 8 matches the same feeds, and the first match wins; merge the two");
    insta::assert_snapshot!(expect_problems("    - {table: a, read_rows: {low: 2, high: 1}, error_ratio: 5}\n"), @"
    amperity_exporter.yml:8: feeds.expect[0].read_rows.low: must not be more than high
    amperity_exporter.yml:8: feeds.expect[0].error_ratio: must be from 0 to 1, such as 0.01 for one in a hundred
    ");
    insta::assert_snapshot!(expect_problems("    - {table: a, name: '', severity: page, duration: soon}\n"), @"
    amperity_exporter.yml:8: feeds.expect[0].duration: not a duration; write it like 30s, 5m or 7d
    amperity_exporter.yml:8: feeds.expect[0].name: must be one line of at most 200 bytes
    amperity_exporter.yml:8: feeds.expect[0].severity: must be critical, warning, info or none
    ");
}
