//! The reports of `check`, whole.

use super::*;
use crate::config::Source;
use crate::telemetry::Reason;
use amperity_simulator::{Job, SimulatedTenant, Simulator, Table, World, serve};

async fn report(text: &str) -> String {
    checked(text, false).await.0
}

/// The report, and whether all is well.
async fn checked(text: &str, live: bool) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    std::fs::write(&file, text).unwrap();
    let options = Check {
        settings: Source::file(&file),
        live,
    };
    let mut report = Vec::new();
    let clock = Clock::system();
    let outcome = run(&options, &clock, &mut report).await;
    let mut report = String::from_utf8(report).unwrap();
    if let Err(error) = &outcome {
        report += &error.to_string();
    }
    let report = report.replace(&format!("{}/", folder.path().display()), "");
    (report, outcome.unwrap_or_default())
}

#[tokio::test]
async fn a_configuration_is_described_without_its_secrets() {
    let text = "
tenants:
  - tenant: socktown
    authorization: {credentials: t0ken}
    discovery: {window: 24h}
    collect: {files: true}
  - tenant: argyle-and-sons
    oauth2: {client_id: me, client_secret: s3cr3t, token_url: https://a.example/token}
    base_url: http://a.example/api
    jobs: [isj-1, isj-2]
state: {file: state.json}
";
    insta::assert_snapshot!(report(text).await, @"
    TENANT           API                           CREDENTIALS                           JOBS  DISCOVERY  COLLECT
    argyle-and-sons  http://a.example/api          oauth2, client secret given in place  2     off        jobs,feeds
    socktown         https://app.amperity.com/api  token given in place                  0     last 1d    jobs,feeds,files

    refresh:  in the background, every 1m
    counters: kept in state.json
    warning:  tenant argyle-and-sons: base_url is http, so that credentials cross the network unencrypted; use https

    OK
    ");
    let text = format!(
        "refresh: {{mode: scrape, max_age: 10s}}\n{}",
        text.replace("state:", "feeds: {} #")
    );
    insta::assert_snapshot!(report(&text).await, @"
    TENANT           API                           CREDENTIALS                           JOBS  DISCOVERY  COLLECT
    argyle-and-sons  http://a.example/api          oauth2, client secret given in place  2     off        jobs,feeds
    socktown         https://app.amperity.com/api  token given in place                  0     last 1d    jobs,feeds,files

    refresh:  on each scrape, unless the last answer is younger than 10s
    counters: lost at a restart (no state file)
    warning:  tenant argyle-and-sons: base_url is http, so that credentials cross the network unencrypted; use https

    OK
    ");
}

#[tokio::test]
async fn a_bad_configuration_is_its_problems_and_no_table() {
    insta::assert_snapshot!(report("tenants: [{tenant: a}]").await, @"
    amperity_exporter.yml:1: tenants[0]: no credentials; add `authorization: {credentials_file: …}` or `oauth2: …`
    amperity_exporter.yml:1: tenants[0]: nothing to export; add `jobs:` or `discovery: {window: 24h}`
    ");
}

#[test]
fn a_secret_in_a_file_is_described_by_its_path() {
    let token = Credentials::Token(Secret::File("/run/secrets/token".into()));
    assert_eq!(let_in_by(&token), "token from /run/secrets/token");
}

#[test]
fn answers_are_told_in_a_table_and_failures_in_words() {
    let answers = [
        Answer {
            tenant: "socktown".into(),
            jobs: Ok("0 in the last hour".to_owned()),
            elapsed: Duration::from_millis(312),
            token_expiry: Some("2024-07-01T12:00:00.5Z".parse().unwrap()),
        },
        Answer {
            tenant: "argyle-and-sons".into(),
            jobs: Err(ApiError::new(
                Reason::Unauthorized,
                "the token was refused (401); make a new one",
            )),
            elapsed: Duration::from_secs(2),
            token_expiry: None,
        },
    ];
    insta::assert_snapshot!(told(&answers).trim(), @"
    TENANT           RESULT        JOBS                TIME   TOKEN ENDS
    socktown         ok            0 in the last hour  0.31s  2024-07-01T12:00:00Z
    argyle-and-sons  unauthorized  -                   2.00s  unknown

    argyle-and-sons: the token was refused (401); make a new one
    ");
    insta::assert_snapshot!(told(&answers[..1]).trim(), @"
    TENANT    RESULT  JOBS                TIME   TOKEN ENDS
    socktown  ok      0 in the last hour  0.31s  2024-07-01T12:00:00Z
    ");
}

#[tokio::test]
async fn live_asks_each_tenant_one_real_question() {
    let started = Clock::system().now() - Duration::from_mins(10);
    let job = Job::new("isj-1", started).table(Table::new("Orders", "df-1"));
    let world = World::empty()
        .tenant(SimulatedTenant::new("discovered").job(job.clone()))
        .tenant(SimulatedTenant::new("listed").job(job))
        .tenant(SimulatedTenant::new("revoked"));
    let simulator = Simulator::new(world, || Clock::system().now());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, simulator, std::future::pending()));
    let text = format!(
        "
api: {{base_url: 'http://{address}/api'}}
tenants:
  - tenant: discovered
    authorization: {{credentials: token-of-discovered}}
    discovery: {{window: 24h}}
  - tenant: listed
    oauth2:
      client_id: client-of-listed
      client_secret: secret-of-listed
      token_url: http://{address}/api/v0/oauth2/token
    jobs: [isj-1]
"
    );
    let (good, well) = checked(&text, true).await;
    assert!(well && good.ends_with("\nOK\n"), "{good}");
    assert!(
        good.contains("\ndiscovered  ok      1 in the last hour  "),
        "{good}"
    );
    assert!(
        good.contains("\nlisted      ok      isj-1               "),
        "{good}"
    );
    let more = "  - {tenant: revoked, authorization: {credentials: nonsense}, jobs: [isj-1]}\n";
    let (bad, well) = checked(&format!("{text}{more}"), true).await;
    assert!(!well && bad.ends_with("\nFAILED\n"), "{bad}");
    assert!(bad.contains("\nrevoked     unauthorized  -  "), "{bad}");
    assert!(bad.contains("\nrevoked: "), "{bad}");
    assert!(!bad.contains("nonsense"), "{bad}");
    server.abort();
}
