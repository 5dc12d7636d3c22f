//! Which format and coding a client gets.

use super::*;

const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
     application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;\
     escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

fn format(accept: &str) -> Format {
    negotiate(Some(accept), None).0
}

fn encoding(accept: &str) -> Encoding {
    negotiate(None, Some(accept)).1
}

#[test]
fn without_headers_the_page_is_plain_text() {
    assert_eq!(negotiate(None, None), (Format::Text, Encoding::Identity));
}

#[test]
fn prometheus_gets_compressed_openmetrics() {
    let answer = negotiate(Some(PROMETHEUS), Some("gzip"));
    assert_eq!(answer, (Format::OpenMetrics, Encoding::Gzip));
}

#[test]
fn browsers_and_curl_get_text() {
    assert_eq!(format("*/*"), Format::Text);
    assert_eq!(
        format("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        Format::Text
    );
    assert_eq!(format(""), Format::Text);
}

#[test]
fn the_higher_quality_wins() {
    assert_eq!(
        format("application/openmetrics-text;q=0.3,text/plain;q=0.5"),
        Format::Text
    );
    assert_eq!(
        format("application/openmetrics-text;q=0.5,text/plain;q=0.3"),
        Format::OpenMetrics
    );
    assert_eq!(
        format("application/openmetrics-text, text/plain"),
        Format::OpenMetrics
    );
    assert_eq!(format("application/openmetrics-text;q=0"), Format::Text);
    assert_eq!(
        format("APPLICATION/OpenMetrics-Text; Version=\"1.0.0\" ; Q=1"),
        Format::OpenMetrics
    );
}

#[test]
fn unsupported_versions_are_ignored() {
    assert_eq!(
        format("application/openmetrics-text;version=0.0.1"),
        Format::Text
    );
    assert_eq!(
        format("application/openmetrics-text;version=2.0.0"),
        Format::Text
    );
}

#[test]
fn an_invalid_accept_header_gets_text() {
    for accept in [
        ",,;;==",
        "application/openmetrics-text;q=high",
        "application/openmetrics-text;q=NaN",
        "\u{fffd}",
        "application/openmetrics-text;q=7",
    ] {
        assert_eq!(format(accept), Format::Text, "{accept}");
    }
}

#[test]
fn gzip_is_used_only_if_accepted() {
    for accept in [
        "gzip",
        "deflate, GZIP;q=0.5",
        "x-gzip",
        "*",
        "br, *;q=0.1",
        "gzip;q=0.5, identity;q=0.5",
    ] {
        assert_eq!(encoding(accept), Encoding::Gzip, "{accept}");
    }
    for accept in [
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip;q=0, *",
        "*;q=0",
        "gzip;q=0.2, identity",
        "gzip;q=x",
    ] {
        assert_eq!(encoding(accept), Encoding::Identity, "{accept}");
    }
}
