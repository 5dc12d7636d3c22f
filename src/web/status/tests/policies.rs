//! The content security policy.

use super::super::policy::STYLE_SOURCE;
use super::*;

#[test]
fn the_policy_allows_the_style_by_its_hash_and_nothing_else() {
    let policy = policy();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"));
}

#[test]
fn a_configured_policy_is_extended_by_the_style_of_the_page() {
    let style = STYLE_SOURCE.as_str();
    let cases = [
        (
            "default-src 'self'",
            format!("default-src 'self'; style-src 'self' {style}"),
        ),
        (
            "default-src 'none'; img-src *",
            format!("default-src 'none'; img-src *; style-src {style}"),
        ),
        ("Style-Src 'none'", format!("style-src {style}")),
        (
            "style-src-elem a; default-src b",
            format!("style-src-elem a {style}; default-src b"),
        ),
        (
            "default-src a, style-src b",
            format!("default-src a; style-src a {style}, style-src b {style}"),
        ),
        ("img-src *", "img-src *".to_owned()),
    ];
    for (configured, expected) in cases {
        assert_eq!(allowing_style(configured), expected);
    }
}
