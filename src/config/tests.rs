//! What a configuration means.

use std::fs;
use std::path::PathBuf;

use super::file::{Origin, Written};
use super::*;

mod expect;
mod problems;

const TOKEN: &str = "eyJhbGciOi.c2VjcmV0.dG9rZW4";

/// A folder with a token, a secret and a configuration of the given text.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token.jwt"), format!("{TOKEN}\n")).unwrap();
        fs::write(folder.path().join("secret"), "s3cr3t").unwrap();
        fs::write(folder.path().join("amperity_exporter.yml"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("amperity_exporter.yml")
    }

    fn source(&self) -> Source {
        Source::file(self.path())
    }

    /// The problems, without the folder's changing name.
    fn problems(&self) -> String {
        let error = self.source().load().unwrap_err().to_string();
        let folder = format!("{}", self.0.path().display());
        error
            .replace(&format!("{folder}/"), "")
            .replace(&folder, ".")
    }
}

fn settings(text: &str) -> Settings {
    let loaded = Folder::with(text).source().load();
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

fn problems(text: impl AsRef<[u8]>) -> String {
    Folder::with(text).problems()
}

/// The problems of one tenant with a good token and these further fields.
fn tenant_problems(fields: &str) -> String {
    problems(format!(
        "tenants:\n  - tenant: socktown\n    authorization: {{credentials_file: token.jwt}}\n{fields}"
    ))
}

const SMALLEST: &str = "
tenants:
  - tenant: socktown
    authorization: {credentials_file: token.jwt}
    jobs: [isj-2, isj-1, isj-2]
";

#[test]
fn the_smallest_file_has_every_default() {
    let folder = Folder::with(SMALLEST);
    let settings = folder.source().load().unwrap();
    let expected = Settings {
        refresh: Refresh {
            mode: Mode::Interval(Duration::from_mins(1)),
            stale_after: Duration::from_mins(15),
        },
        tenants: vec![Arc::new(Tenant {
            tenant: "socktown".into(),
            api: Api {
                base_url: "https://app.amperity.com/api".parse().unwrap(),
                version: "2024-04-01".to_owned(),
                timeout: Duration::from_secs(30),
                requests_per_second: 5.0,
                proxy_url: None,
                ca_file: None,
                response_bytes: 64 * 1024 * 1024,
            },
            credentials: Credentials::Token(Secret::File(folder.0.path().join("token.jwt"))),
            jobs: vec!["isj-1".into(), "isj-2".into()],
            discovery: None,
            collect: Collect {
                jobs: true,
                feeds: true,
                files: false,
                workflows: false,
            },
            max_jobs: 10_000,
            page_bytes: 256 * 1024 * 1024,
            created_series: false,
            feed_rules: Arc::default(),
            workflow_types: Arc::default(),
            ui_url: None,
        })],
        state_file: None,
        forget_after: Duration::from_hours(35 * 24),
    };
    assert_eq!(settings, expected);
}

#[test]
fn a_ca_file_with_another_content_is_another_configuration() {
    let folder = Folder::with(format!("{SMALLEST}    tls_config: {{ca_file: ca.pem}}\n"));
    let load = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertificateParams::default().self_signed(&key);
        std::fs::write(folder.0.path().join("ca.pem"), authority.unwrap().pem()).unwrap();
        folder.source().load().unwrap()
    };
    let (before, after) = (load(), load());
    assert_ne!(before, after);
    assert!(!format!("{before:?}").contains("BEGIN"));
}

#[test]
fn a_tenant_overrides_any_field_of_api() {
    let settings = settings(
        "
api: {base_url: 'https://all.example/api/', timeout: 5s, requests_per_second: 2, version: '2030-01-01'}
tenants:
  - tenant: two
    authorization: {credentials_file: token.jwt}
    discovery: {window: 7d}
    base_url: https://two.example/api
    timeout: 1m
    proxy_url: http://user:pa55@proxy.example:3128
  - tenant: one
    oauth2: {client_id: me, client_secret_file: secret, token_url: https://one.example/token}
    discovery: {window: 1h}
    requests_per_second: 9.5
",
    );
    let described: Vec<String> = settings
        .tenants
        .iter()
        .map(|tenant| {
            let Api {
                base_url,
                version,
                timeout,
                requests_per_second,
                proxy_url,
                ..
            } = &tenant.api;
            let name = &tenant.tenant;
            format!(
                "{name} {base_url} {version} {timeout:?} {requests_per_second} {proxy_url:?} {:?}",
                tenant.discovery
            )
        })
        .collect();
    insta::assert_snapshot!(described.join("\n"), @r"
    one https://all.example/api 2030-01-01 5s 9.5 None Some(3600s)
    two https://two.example/api 2030-01-01 60s 2 Some(http://proxy.example) Some(604800s)
    ");
}

#[test]
fn an_empty_section_means_its_defaults() {
    let text = format!("refresh:\napi:\nlimits:\nstate:\nfeeds:\n{SMALLEST}    collect:\n");
    assert_eq!(settings(&text).tenants.len(), 1);
}

#[test]
fn stale_after_follows_a_long_interval_unless_it_is_given() {
    let text = format!("refresh: {{interval: 1h}}\n{SMALLEST}");
    let refresh = settings(&text).refresh;
    assert_eq!(refresh.stale_after, Duration::from_hours(3));
    let text = format!("refresh: {{interval: 1h, stale_after: 30m}}\n{SMALLEST}");
    insta::assert_snapshot!(problems(text), @"amperity_exporter.yml:1: refresh.stale_after: must be longer than refresh.interval; three times as long is usual");
}

#[test]
fn debug_of_settings_shows_no_secret() {
    let settings = settings(
        "
tenants:
  - tenant: one
    authorization: {credentials: hunter2}
    jobs: [isj-1]
    proxy_url: http://user:hunter2@proxy.example
  - tenant: two
    oauth2: {client_id: me, client_secret: hunter2, token_url: https://two.example/token}
    jobs: [isj-1]
",
    );
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn plain_http_beyond_this_machine_is_a_warning() {
    let text = "
tenants:
  - tenant: one
    authorization: {credentials: x}
    jobs: [isj-1]
    base_url: http://amperity.example/api
  - tenant: two
    oauth2: {client_id: me, client_secret: x, token_url: http://amperity.example/token}
    jobs: [isj-1]
    base_url: http://[::1]:1/api
  - tenant: three
    authorization: {credentials: x}
    jobs: [isj-1]
    base_url: http://localhost:1/api
";
    insta::assert_snapshot!(settings(text).warnings().join("\n"), @r"
    tenant one: base_url is http, so that credentials cross the network unencrypted; use https
    tenant two: token_url is http, so that credentials cross the network unencrypted; use https
    ");
}

#[test]
fn a_merge_key_shares_fields_between_tenants() {
    let settings = settings(
        "
tenants:
  - &one
    tenant: one
    authorization: {credentials_file: token.jwt}
    discovery: {window: 24h}
  - <<: *one
    tenant: two
",
    );
    assert_eq!(settings.tenants.len(), 2);
}

#[test]
fn flags_win_over_the_file() {
    let folder = Folder::with(format!(
        "refresh: {{mode: interval, interval: 5m}}\nstate: {{file: state.json}}\n{SMALLEST}"
    ));
    let mut source = folder.source();
    source.refresh_interval = Some(Written {
        value: "10s".to_owned(),
        origin: Origin::Named("--refresh.interval"),
    });
    let settings = source.load().unwrap();
    assert_eq!(
        settings.refresh.mode,
        Mode::Interval(Duration::from_secs(10))
    );
    assert_eq!(
        settings.state_file,
        Some(folder.0.path().join("state.json"))
    );
    source.state_file = Some(Written {
        value: "state.json".into(),
        origin: Origin::Named("--state.file"),
    });
    let settings = source.load().unwrap();
    assert_eq!(settings.state_file, Some("state.json".into()));
}

#[test]
fn the_shipped_example_is_valid_but_for_its_token() {
    let text = include_str!("../../deploy/amperity_exporter.yml");
    let settings = settings(text);
    assert!(settings.warnings().is_empty());
}

#[test]
fn the_reference_names_every_key() {
    let reference = include_str!("../../docs/CONFIGURATION.md");
    let places = [
        ("", "no-such: 1"),
        ("", "refresh: {no-such: 1}"),
        ("", "api: {no-such: 1}"),
        ("tls_config.", "api: {tls_config: {no-such: 1}}"),
        ("", "limits: {no-such: 1}"),
        ("", "tenants: [{no-such: 1}]"),
        ("authorization.", "tenants: [{authorization: {no-such: 1}}]"),
        ("oauth2.", "tenants: [{oauth2: {no-such: 1}}]"),
        ("discovery.", "tenants: [{discovery: {no-such: 1}}]"),
        ("collect.", "tenants: [{collect: {no-such: 1}}]"),
        ("state.", "state: {no-such: 1}"),
        ("feeds.", "feeds: {no-such: 1}"),
        ("", "feeds: {expect: [{no-such: 1}]}"),
        ("read_rows.", "feeds: {expect: [{read_rows: {no-such: 1}}]}"),
    ];
    for (section, text) in places {
        let problems = problems(text);
        let (_, keys) = problems.split_once("expected one of ").unwrap();
        for key in keys.split(", ") {
            let named = reference.contains(&format!("`{section}{key}`"));
            assert!(
                named || reference.contains(&format!("`{key}.")),
                "{section}{key}"
            );
        }
    }
}

#[test]
fn the_references_yaml_is_valid_and_shows_the_defaults() {
    let reference = include_str!("../../docs/CONFIGURATION.md");
    let blocks: Vec<&str> = reference
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let [smallest, whole, web] = blocks[..] else {
        panic!("{} blocks", blocks.len());
    };
    assert_web_configuration(web);
    let (smallest, whole) = (settings(smallest), settings(whole));
    assert_eq!(smallest.refresh, whole.refresh);
    assert_eq!(smallest.forget_after, whole.forget_after);
    let [_, socktown] = &whole.tenants[..] else {
        panic!("{whole:?}");
    };
    let [default] = &smallest.tenants[..] else {
        panic!("{smallest:?}");
    };
    assert_eq!(socktown.api, default.api);
    assert_eq!(socktown.collect, default.collect);
    assert_eq!(socktown.max_jobs, default.max_jobs);
}

/// That the rules of a web configuration file can be used, once the
/// certificate it names is there.
fn assert_web_configuration(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.path().join("web.yml");
    fs::write(folder.path().join("server.crt"), own.cert.pem()).unwrap();
    fs::write(
        folder.path().join("server.key"),
        own.signing_key.serialize_pem(),
    )
    .unwrap();
    fs::write(&file, text).unwrap();
    crate::web::WebSecurity::from_file(&file).unwrap();
}

#[test]
fn workflow_types_and_the_address_of_runs_are_checked() {
    let text = format!(
        "workflows: {{types: [\" \", courier.group/run]}}\nui_url: https://a.example/w\n{SMALLEST}"
    );
    insta::assert_snapshot!(problems(text), @"
    amperity_exporter.yml:1: workflows.types[0]: must not be blank; `*` matches any
    amperity_exporter.yml:2: ui_url: must be the address of a workflow's run, with {workflow_id} in place of its id, and {tenant} in place of the tenant
    ");
    let text = format!("workflows: {{types: []}}\n{SMALLEST}");
    insta::assert_snapshot!(problems(text), @"amperity_exporter.yml: workflows.types is empty; to collect none, set `collect: {workflows: false}`");
    let text = format!("ui_url: \"https://{{tenant}}.example/w/{{workflow_id}}\"\n{SMALLEST}");
    let settings = settings(&text);
    assert!(settings.tenants[0].ui_url.is_some());
    let long = "w".repeat(500);
    let text = format!("ui_url: https://a.example/{long}/{{workflow_id}}\n{SMALLEST}");
    insta::assert_snapshot!(problems(text), @"amperity_exporter.yml:1: ui_url: must be 512 bytes or less: it is a label value");
    assert!(settings.tenants[0].workflow_types.include("courier_group"));
}

#[test]
fn workflows_are_collected_with_discovery_unless_switched_off() {
    let discovery = SMALLEST.replace("jobs: [isj-2, isj-1, isj-2]", "discovery: {window: 1h}");
    for (text, collected) in [
        (SMALLEST.to_owned(), false),
        (
            format!("{SMALLEST}    collect: {{workflows: true}}\n"),
            true,
        ),
        (discovery.clone(), true),
        (
            format!("{discovery}    collect: {{workflows: false}}\n"),
            false,
        ),
    ] {
        let tenants = settings(&text).tenants;
        assert_eq!(tenants[0].collect.workflows, collected, "{text}");
    }
}
