//! Which format and coding a client gets.

use super::*;

const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
     application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;\
     escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

const PROTOBUF: &str = "application/vnd.google.protobuf;\
     proto=io.prometheus.client.MetricFamily;encoding=delimited";

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=";

fn content_type(accept: &str) -> String {
    negotiate(Some(accept), None).content_type
}

fn format(accept: &str) -> Format {
    negotiate(Some(accept), None).format
}

fn encoding(accept: &str) -> Encoding {
    negotiate(None, Some(accept)).encoding
}

#[test]
fn without_headers_the_page_is_plain_text() {
    let answer = negotiate(None, None);
    assert_eq!(answer.format, Format::Text);
    assert_eq!(answer.encoding, Encoding::Identity);
    assert_eq!(answer.content_type, TEXT);
}

#[test]
fn prometheus_gets_compressed_openmetrics() {
    let answer = negotiate(Some(PROMETHEUS), Some("gzip"));
    assert_eq!(answer.format, Format::OpenMetrics);
    assert_eq!(answer.encoding, Encoding::Gzip);
    let escaped = format!("{OPENMETRICS}allow-utf-8");
    assert_eq!(answer.content_type, escaped);
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
        format("application/openmetrics-text;version=2.1.0"),
        Format::Text
    );
}

#[test]
fn openmetrics_2_is_used_only_if_it_is_requested() {
    let media_type = "application/openmetrics-text; version=2.0.0; charset=utf-8";
    let accept = "application/openmetrics-text;version=2.0.0";
    assert_eq!(content_type(accept), media_type);
    let escaped = format!("{accept};escaping=allow-utf-8;q=0.7,{PROMETHEUS}");
    assert_eq!(format(&escaped), Format::OpenMetrics2);
    let escaped = content_type(&escaped);
    assert_eq!(escaped, format!("{media_type}; escaping=allow-utf-8"));
    let last = format!("{accept};q=0.1,{PROMETHEUS}");
    assert_eq!(format(&last), Format::OpenMetrics);
    let equal =
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=2.0.0";
    assert_eq!(format(equal), Format::OpenMetrics2);
}

#[test]
fn each_version_of_text_is_named_as_it_was_requested() {
    assert_eq!(content_type("text/plain"), TEXT);
    assert_eq!(content_type("text/plain;version=0.0.4"), TEXT);
    assert_eq!(content_type("text/plain;version=2"), TEXT);
    assert_eq!(
        content_type("text/plain;version=0.0.4;escaping=values"),
        TEXT
    );
    assert_eq!(
        content_type("text/plain;version=1.0.0;escaping=values,*/*;q=0.1"),
        "text/plain; version=1.0.0; charset=utf-8; escaping=values"
    );
    assert_eq!(
        content_type("text/plain;version=0.0.4;q=0.5,text/plain;version=1.0.0;q=0.6"),
        "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
    );
}

#[test]
fn the_requested_escaping_scheme_is_named_if_it_exists() {
    for scheme in ["allow-utf-8", "underscores", "dots", "values"] {
        let accept = format!("application/openmetrics-text;version=1.0.0;escaping={scheme}");
        assert_eq!(content_type(&accept), format!("{OPENMETRICS}{scheme}"));
    }
    for scheme in ["", "\r\nset-cookie: x", "Dots"] {
        let accept = format!("application/openmetrics-text;escaping={scheme}");
        assert_eq!(content_type(&accept), format!("{OPENMETRICS}underscores"));
    }
}

#[test]
fn protobuf_is_used_if_it_is_preferred() {
    let all = format!("{PROTOBUF};escaping=allow-utf-8;q=0.6,{PROMETHEUS}");
    assert_eq!(format(&all), Format::Protobuf);
    let last = format!("{PROTOBUF};q=0.1,{PROMETHEUS}");
    assert_eq!(format(&last), Format::OpenMetrics);
    let media_type = "application/vnd.google.protobuf; \
                      proto=io.prometheus.client.MetricFamily; encoding=delimited";
    assert_eq!(content_type(PROTOBUF), media_type);
    let escaped = format!("{media_type}; escaping=allow-utf-8");
    assert_eq!(content_type(&all), escaped);
    for other in [
        "application/vnd.google.protobuf",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
        "application/vnd.google.protobuf;proto=io.prometheus.write.v2.Request;encoding=delimited",
    ] {
        assert_eq!(format(other), Format::Text, "{other}");
    }
}

#[test]
fn zstd_is_used_if_it_is_preferred() {
    for accept in [
        "zstd",
        "gzip, zstd",
        "gzip;q=0.5, zstd;q=0.5",
        "zstd;q=0.1, *;q=0",
    ] {
        assert_eq!(encoding(accept), Encoding::Zstd, "{accept}");
    }
    assert_eq!(encoding("gzip, zstd;q=0.9"), Encoding::Gzip);
    assert_eq!(encoding("zstd;q=0, *"), Encoding::Gzip);
    assert_eq!(encoding("zstd;q=0.5, identity"), Encoding::Identity);
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
