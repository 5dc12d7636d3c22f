//! The errors of invalid configurations.

use std::fs;

use super::*;

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_known_ones() {
    insta::assert_snapshot!(problems("refresh:\n  intervall: 1m\n"), @r#"amperity_exporter.yml:2: unknown field "intervall" in refresh; expected one of mode, interval, max_age, stale_after"#);
    insta::assert_snapshot!(problems("tenant:\n"), @r#"amperity_exporter.yml:1: unknown field "tenant" at the top level; expected one of refresh, api, limits, tenants, state, feeds, workflows, exposition, ui_url"#);
    insta::assert_snapshot!(tenant_problems("    credentials: x\n"), @r#"amperity_exporter.yml:4: unknown field "credentials" in tenants[0]; expected one of tenant, authorization, oauth2, jobs, discovery, collect, base_url, version, timeout, requests_per_second, proxy_url, tls_config"#);
}

#[test]
fn an_invisible_character_in_a_key_is_named() {
    insta::assert_snapshot!(problems("refresh:\n  interval\u{a0}: 1m\n"), @"amperity_exporter.yml:2: unknown field in refresh: it contains the invisible character U+00A0, type it again; expected one of mode, interval, max_age, stale_after");
}

#[test]
fn a_repeated_key_is_an_error_that_names_its_line() {
    insta::assert_snapshot!(problems("refresh:\n  interval: 1m\n  interval: 2m\n"), @r#"amperity_exporter.yml:3: repeated field "interval" in refresh; keep one of them"#);
    insta::assert_snapshot!(problems(format!("{SMALLEST}{SMALLEST}")), @r#"amperity_exporter.yml:7: repeated field "tenants" at the top level; keep one of them"#);
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_what_is_expected() {
    insta::assert_snapshot!(problems("refresh: 1m\n"), @"amperity_exporter.yml:1: refresh: expected a mapping (`field: value`)");
    insta::assert_snapshot!(tenant_problems("    jobs: isj-1\n"), @"amperity_exporter.yml:4: tenants[0].jobs: expected a list (`- value`)");
    insta::assert_snapshot!(tenant_problems("    jobs: [{a: b}]\n"), @"amperity_exporter.yml:4: tenants[0].jobs[0]: expected a single value");
    insta::assert_snapshot!(tenant_problems("    jobs: [~]\n"), @"amperity_exporter.yml:4: tenants[0].jobs[0]: expected a single value, found nothing");
    insta::assert_snapshot!(tenant_problems("    discovery:\n"), @"amperity_exporter.yml:4: tenants[0].discovery: expected a mapping (`field: value`)");
    insta::assert_snapshot!(tenant_problems("    collect: {jobs: often}\n"), @"amperity_exporter.yml:4: tenants[0].collect.jobs: expected true or false");
    insta::assert_snapshot!(tenant_problems("    requests_per_second: five\n"), @"amperity_exporter.yml:4: tenants[0].requests_per_second: expected a number");
    insta::assert_snapshot!(problems("limits: {jobs: -1}\n"), @"amperity_exporter.yml:1: limits.jobs: expected a whole number");
}

#[test]
fn text_that_is_not_yaml_is_an_error_with_its_line() {
    insta::assert_snapshot!(problems("refresh:\n\tmode: scrape\n"), @"amperity_exporter.yml:2: not valid YAML: tabs disallowed within this context (block indentation); check indentation, quotes and colons here and in the line above");
    insta::assert_snapshot!(problems("refresh: {mode: scrape\n"), @"amperity_exporter.yml:1: not valid YAML: unclosed bracket '{'; check indentation, quotes and colons here and in the line above");
    insta::assert_snapshot!(problems("refresh: *x\n"), @"amperity_exporter.yml:1: alias of an anchor that is not defined; a value that begins with * or & needs quotes");
    insta::assert_snapshot!(problems("refresh: !x {}\n"), @"amperity_exporter.yml:1: a tag that means nothing here; a value that begins with ! needs quotes");
    insta::assert_snapshot!(problems(format!("{SMALLEST}---\n{SMALLEST}")), @"amperity_exporter.yml:8: more than one YAML document; remove what follows `---`");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = Folder::with(b"api:\n  version: \xff\n");
    insta::assert_snapshot!(folder.problems(), @"amperity_exporter.yml:2: not UTF-8; save the file as UTF-8");
    fs::remove_file(folder.path()).unwrap();
    insta::assert_snapshot!(folder.problems(), @"amperity_exporter.yml: cannot be read: No such file or directory (os error 2); check path and permissions");
    fs::create_dir(folder.path()).unwrap();
    insta::assert_snapshot!(folder.problems(), @"amperity_exporter.yml: is a directory; name the file in it");
    insta::assert_snapshot!(problems(""), @"amperity_exporter.yml: the file is empty; list at least one tenant under `tenants:`");
    insta::assert_snapshot!(problems("# nothing\n---\n"), @"amperity_exporter.yml: the file is empty; list at least one tenant under `tenants:`");
    insta::assert_snapshot!(problems("tenants: []\n"), @"amperity_exporter.yml: no tenants; list at least one under `tenants:`");
}

#[test]
fn a_file_without_end_is_refused() {
    let source = Source::file("/dev/zero");
    let error = source.load().unwrap_err();
    insta::assert_snapshot!(error, @"/dev/zero: is larger than 16 MiB; is it the right file?");
    insta::assert_snapshot!(
        problems(SMALLEST.replace("token.jwt", "/dev/zero")),
        @"amperity_exporter.yml:4: tenants[0].authorization.credentials_file: the file's content is too long for a secret (over 64 KiB); is it the right file?"
    );
}

#[test]
fn every_problem_is_listed_in_the_order_of_the_file() {
    let text = "
tenants:
  - jobs: ['', \"a\\nb\", 'isj 1']
    oauth2: {client_id: ' '}
    collect: {files: true}
  - tenant: sock town
    authorization: {}
    requests_per_second: 11
    timeout: 0s
    base_url: ftp://x
  - tenant: a
    authorization: {credentials: x, credentials_file: token.jwt}
    discovery: {window: 8d}
    base_url: https://me:pa55@x
    tls_config: {ca_file: token.jwt}
  - tenant: a
    discovery: {}
    authorization: {credentials_file: missing.jwt}
    oauth2: {client_id: x}
    proxy_url: socks5://x
    base_url: https://x?a=b
  - tenant: a
    authorization: {credentials_file: .}
    discovery: {window: 0s}
  - tenant: a
    authorization: {credentials: Bearer x}
    base_url: app.amperity.com
    tls_config: {ca_file: nowhere.pem}
refresh: {interval: 0s, mode: sometimes, max_age: 5 minits, stale_after: 1}
limits: {jobs: 0, response_bytes: many}
api: {requests_per_second: 0, version: ''}
state: {file: .}
feeds: {forget_after: 1d}
";
    insta::assert_snapshot!(problems(text), @"
    amperity_exporter.yml:3: tenants[0]: tenant is missing; add the tenant's id, such as `tenant: socktown`
    amperity_exporter.yml:3: tenants[0].oauth2: token_url is missing; add it
    amperity_exporter.yml:3: tenants[0].oauth2: client_secret_file is missing; add it
    amperity_exporter.yml:3: tenants[0].jobs[0]: must not be blank
    amperity_exporter.yml:3: tenants[0].jobs[1]: must be visible ASCII characters without white space
    amperity_exporter.yml:3: tenants[0].jobs[2]: must be visible ASCII characters without white space
    amperity_exporter.yml:4: tenants[0].oauth2.client_id: must not be blank
    amperity_exporter.yml:6: tenants[1].tenant: must be visible ASCII characters without white space
    amperity_exporter.yml:6: tenants[1].authorization: no credentials; add credentials_file or credentials
    amperity_exporter.yml:6: tenants[1]: nothing to export; add `jobs:` or `discovery: {window: 24h}`
    amperity_exporter.yml:8: tenants[1].requests_per_second: must be more than 0 and at most 10, Amperity's limit for a tenant
    amperity_exporter.yml:9: tenants[1].timeout: must be from 1ms to 10m
    amperity_exporter.yml:10: tenants[1].base_url: must begin with https:// (or http://)
    amperity_exporter.yml:11: tenants[2].authorization: two credentials; keep credentials_file or credentials, not both
    amperity_exporter.yml:13: tenants[2].discovery.window: must be from 1m to 7d
    amperity_exporter.yml:14: tenants[2].base_url: must not hold a user or password; credentials go under authorization or oauth2
    amperity_exporter.yml:15: tenants[2].tls_config.ca_file: the file holds no certificate; it must be PEM
    amperity_exporter.yml:16: tenants[3]: the same tenant is listed in line 11; merge the two
    amperity_exporter.yml:16: tenants[3]: two credentials; keep authorization or oauth2, not both
    amperity_exporter.yml:16: tenants[3].discovery: window is missing; add one, such as `window: 24h`
    amperity_exporter.yml:20: tenants[3].proxy_url: not the URL of a proxy; write it like http://proxy.example:3128
    amperity_exporter.yml:21: tenants[3].base_url: must not hold `?` or `#`
    amperity_exporter.yml:22: tenants[4]: the same tenant is listed in line 16; merge the two
    amperity_exporter.yml:23: tenants[4].authorization.credentials_file: the file cannot be read in .: Is a directory (os error 21); check path and permissions
    amperity_exporter.yml:24: tenants[4].discovery.window: must be from 1m to 7d
    amperity_exporter.yml:25: tenants[5]: the same tenant is listed in line 22; merge the two
    amperity_exporter.yml:25: tenants[5]: nothing to export; add `jobs:` or `discovery: {window: 24h}`
    amperity_exporter.yml:26: tenants[5].authorization.credentials: must be the token alone: one line, no white space, no word `Bearer` before it
    amperity_exporter.yml:27: tenants[5].base_url: not a URL; write it like https://app.amperity.com/api
    amperity_exporter.yml:28: tenants[5].tls_config.ca_file: the file cannot be read in .: No such file or directory (os error 2); check path and permissions
    amperity_exporter.yml:29: refresh.interval: must be from 1s to 1d
    amperity_exporter.yml:29: refresh.max_age: not a duration; write it like 30s, 5m or 7d
    amperity_exporter.yml:29: refresh.mode: must be interval or scrape
    amperity_exporter.yml:29: refresh.stale_after: not a duration; write it like 30s, 5m or 7d
    amperity_exporter.yml:30: limits.jobs: must be at least 1
    amperity_exporter.yml:30: limits.response_bytes: not a size; write it like 64MiB or 512KiB
    amperity_exporter.yml:31: api.version: must not be blank
    amperity_exporter.yml:31: api.requests_per_second: must be more than 0 and at most 10, Amperity's limit for a tenant
    amperity_exporter.yml:32: state.file: is a directory; name a file in it
    amperity_exporter.yml:33: feeds.forget_after: must be from 7d to 3650d
    ");
}

#[test]
fn a_state_file_in_a_folder_that_does_not_exist_is_found_before_the_start() {
    let text = format!("state: {{file: nowhere/state.json}}\n{SMALLEST}");
    insta::assert_snapshot!(problems(text), @"amperity_exporter.yml:1: state.file: its folder does not exist; create it for the user the exporter runs as");
}

#[test]
fn no_secret_is_repeated_wherever_it_was_written() {
    let secret = "hunter";
    for token in [
        secret,
        TOKEN,
        "Bearer hunter",
        "{hunter}",
        "[hunter]",
        "{hunter: }",
        "{a: hunter}",
        "*hunter",
        "!hunter",
        "&hunter",
        "'hunter",
        "\"hunter\\q\"",
        "- hunter",
        "hunter: hunter",
        "| hunter",
        "hünter",
        "https://u:hunter@x",
        "hunter\n\thunter",
    ] {
        for text in [
            "{}",
            "refresh: {}",
            "{}: x",
            "refresh: {interval: {}}",
            "refresh: {interval: {}, interval: {}}",
            "refresh: {mode: {}, stale_after: {}}",
            "api: {base_url: {}, proxy_url: {}}",
            "api: {timeout: {}, requests_per_second: {}, version: {}}",
            "limits: {jobs: {}, response_bytes: {}}",
            "state: {}",
            "tenants: {}",
            "tenants: [{}]",
            "tenants:\n  - tenant: {}",
            "tenants:\n  - authorization: {}",
            "tenants:\n  - authorization:\n    {}",
            "tenants:\n  - authorization:\n      {}",
            "tenants:\n  - authorization: {credentials: {}}\n    tenant: {}",
            "tenants:\n  - authorization: {credentials_file: {}}\n    oauth2: {}",
            "tenants:\n  - authorization: {credentials_file: {}}\n    tls_config: {ca_file: {}}",
            "tenants:\n  - oauth2: {client_id: {}, client_secret: {}, token_url: {}}",
            "tenants:\n  - oauth2: {client_id: {}, client_secret_file: {}}\n    jobs: {}",
            "tenants:\n  - collect: {jobs: {}}",
            "tenants:\n  - discovery: {window: {}}\n    jobs: [{}]",
        ] {
            let text = text.replace("{}", token);
            let Err(error) = Folder::with(&text).source().load() else {
                continue;
            };
            let shown = format!("{error} {error:?}");
            // The one form that looks like a misspelt key.
            if token != "hunter: hunter" && token != "{hunter: }" && !text.contains("hunter: x") {
                assert!(
                    !shown.contains("unter") && !shown.contains("eyJ"),
                    "{text}\n{shown}"
                );
            }
        }
    }
}

#[test]
fn an_alias_bomb_is_refused() {
    let levels = (1..12).map(|level| {
        let alias = format!("*a{},", level - 1).repeat(9);
        format!("a{level}: &a{level} [{alias}]")
    });
    let levels: Vec<String> = levels.collect();
    let text = format!("a0: &a0 [x,x,x,x,x,x,x,x,x]\n{}\n", levels.join("\n"));
    let bomb = format!("tenants: [{{tenant: &a0 x}}]\n{text}");
    assert!(problems(bomb).starts_with("amperity_exporter.yml:2: unknown field"));
    let aliases = "*a,".repeat(2_000);
    let many = format!("tenants: [{{jobs: [&a x, {aliases}]}}]\n");
    insta::assert_snapshot!(problems(many), @"amperity_exporter.yml:1: too much nesting, or too many aliases; write it out");
    let deep = format!("tenants: {}\n", "[".repeat(5_000));
    insta::assert_snapshot!(problems(deep), @"amperity_exporter.yml:1: not valid YAML: recursion limit exceeded; check indentation, quotes and colons here and in the line above");
}

#[test]
fn an_unknown_field_named_value_is_named_with_its_section() {
    insta::assert_snapshot!(problems("refresh: {value: 3}"), @r#"amperity_exporter.yml:1: unknown field "value" in refresh; expected one of mode, interval, max_age, stale_after"#);
    insta::assert_snapshot!(tenant_problems("    value: x\n"), @r#"amperity_exporter.yml:4: unknown field "value" in tenants[0]; expected one of tenant, authorization, oauth2, jobs, discovery, collect, base_url, version, timeout, requests_per_second, proxy_url, tls_config"#);
}
