//! Complete reports of `check`.

use super::*;
use crate::config::Source;
use crate::telemetry::Reason;
use amperity_simulator::{Job, SimulatedTenant, Simulator, Table, World, serve};

async fn report(text: &str) -> String {
    checked(text, false).await.0
}

/// The report, and whether all checks passed.
async fn checked(text: &str, live: bool) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    std::fs::write(&file, text).unwrap();
    let options = Check {
        settings: Some(Source::file(&file)),
        live,
        web_config_file: None,
    };
    let mut report = String::new();
    let clock = Clock::system();
    let print = |text: &str| {
        report += text;
        Ok(())
    };
    let outcome = run(&options, &clock, print).await;
    if let Err(error) = &outcome {
        report += &error.to_string();
    }
    let report = report.replace(&format!("{}/", folder.path().display()), "");
    (report, outcome.unwrap_or_default())
}

#[tokio::test]
async fn the_report_describes_the_configuration_without_secrets() {
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
    TENANT           API                           CREDENTIALS                                 JOBS  DISCOVERY  COLLECT
    argyle-and-sons  http://a.example/api          oauth2, client secret in the configuration  2     off        jobs,feeds
    socktown         https://app.amperity.com/api  token in the configuration                  0     last 1d    jobs,feeds,files

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
    TENANT           API                           CREDENTIALS                                 JOBS  DISCOVERY  COLLECT
    argyle-and-sons  http://a.example/api          oauth2, client secret in the configuration  2     off        jobs,feeds
    socktown         https://app.amperity.com/api  token in the configuration                  0     last 1d    jobs,feeds,files

    refresh:  on each scrape, unless the data is younger than 10s
    counters: reset at each restart (no state file)
    warning:  tenant argyle-and-sons: base_url is http, so that credentials cross the network unencrypted; use https

    OK
    ");
}

#[tokio::test]
async fn an_invalid_configuration_is_reported_by_its_problems() {
    insta::assert_snapshot!(report("tenants: [{tenant: a}]").await, @"
    amperity_exporter.yml:1: tenants[0]: no credentials; add `authorization: {credentials_file: …}` or `oauth2: …`
    amperity_exporter.yml:1: tenants[0]: nothing to export; add `jobs:` or `discovery: {window: 24h}`
    ");
}

#[test]
fn a_secret_file_is_described_by_its_path() {
    let token = Credentials::Token(Secret::File("/run/secrets/token".into()));
    assert_eq!(
        describe_credentials(&token),
        "token from /run/secrets/token"
    );
}

#[test]
fn results_are_a_table_followed_by_errors() {
    let results = [
        LiveResult {
            tenant: "socktown".into(),
            jobs: Ok("0 in the last hour".to_owned()),
            feeds: vec![
                [
                    "socktown",
                    "Orders",
                    "df-1",
                    "daily about 02:30 UTC, 7 of 7",
                    "2024-07-02T04:10:00Z",
                    "crm",
                ]
                .map(str::to_owned),
            ],
            elapsed: Duration::from_millis(312),
            token_expiry: Some("2024-07-01T12:00:00.5Z".parse().unwrap()),
        },
        LiveResult {
            tenant: "argyle-and-sons".into(),
            jobs: Err(ApiError::new(
                Reason::Unauthorized,
                "the token was refused (401); make a new one",
            )),
            feeds: Vec::new(),
            elapsed: Duration::from_secs(2),
            token_expiry: None,
        },
    ];
    insta::assert_snapshot!(describe_results(&results).trim(), @"
    TENANT           RESULT        JOBS                TIME   TOKEN EXPIRES
    socktown         ok            0 in the last hour  0.31s  2024-07-01T12:00:00Z
    argyle-and-sons  unauthorized  -                   2.00s  unknown

    TENANT    TABLE   FEED  EXPECTED                       DUE                   TEAM
    socktown  Orders  df-1  daily about 02:30 UTC, 7 of 7  2024-07-02T04:10:00Z  crm

    argyle-and-sons: the token was refused (401); make a new one
    ");
    insta::assert_snapshot!(describe_results(&results[..1]).trim(), @"
    TENANT    RESULT  JOBS                TIME   TOKEN EXPIRES
    socktown  ok      0 in the last hour  0.31s  2024-07-01T12:00:00Z

    TENANT    TABLE   FEED  EXPECTED                       DUE                   TEAM
    socktown  Orders  df-1  daily about 02:30 UTC, 7 of 7  2024-07-02T04:10:00Z  crm
    ");
}

#[tokio::test]
async fn live_makes_one_request_per_tenant() {
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
    let (good, passed) = checked(&text, true).await;
    assert!(passed && good.ends_with("\nOK\n"), "{good}");
    assert!(
        good.contains("\ndiscovered  ok      1 in the last hour  "),
        "{good}"
    );
    assert!(
        good.contains("\nlisted      ok      isj-1               "),
        "{good}"
    );
    let more = "  - {tenant: revoked, authorization: {credentials: nonsense}, jobs: [isj-1]}\n";
    let (bad, passed) = checked(&format!("{text}{more}"), true).await;
    assert!(!passed && bad.ends_with("\nFAILED\n"), "{bad}");
    assert!(bad.contains("\nrevoked     unauthorized  -  "), "{bad}");
    assert!(bad.contains("\nrevoked: "), "{bad}");
    assert!(!bad.contains("nonsense"), "{bad}");
    server.abort();
}

#[tokio::test]
async fn a_web_configuration_is_validated_without_settings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    let check = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        let options = Check {
            settings: None,
            live: false,
            web_config_file: Some(file.clone()),
        };
        let mut report = String::new();
        let outcome = run(&options, &Clock::system(), |text| {
            report += text;
            Ok(())
        })
        .await;
        outcome.map(|passed| (passed, report))
    };
    let (passed, report) = check("http_server_config: {http2: false}").await.unwrap();
    assert!(
        passed && report.ends_with("web.yml is valid\n\nOK\n"),
        "{report}"
    );
    let error = check("basic_auth_users: {prometheus: not-a-hash}").await;
    let error = error.unwrap_err();
    assert!(crate::commands::is_usage(&error), "{error:?}");
}
