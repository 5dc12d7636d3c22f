//! The content security policy of the status page: its style, by its hash, and
//! nothing else.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use super::STYLE;

/// The source expression of a content security policy that allows the page's
/// style.
pub(super) static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| {
    // rustls brings an implementation of SHA-256.
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    let hash = suite.map(|suite| suite.common.hash_provider.hash(STYLE.as_bytes()));
    hash.map_or_else(
        || "'none'".to_owned(),
        |hash| format!("'sha256-{}'", STANDARD.encode(hash)),
    )
});

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = &*STYLE_SOURCE;
    format!(
        "default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The content security policy of the page: its style and nothing else.
pub(in crate::web) fn policy() -> &'static str {
    &POLICY
}

/// A configured content security policy, extended so that it allows the page's
/// style.
pub(in crate::web) fn allowing_style(configured: &str) -> String {
    let extended = configured.split(',').map(|policy| {
        let directives = policy.split(';').map(str::trim);
        let mut directives: Vec<String> = directives.map(str::to_owned).collect();
        let name = |directive: &str| {
            let name = directive.split_whitespace().next();
            name.unwrap_or_default().to_ascii_lowercase()
        };
        let allowing = |directive: &str| {
            let sources = directive.split_whitespace().skip(1);
            let kept = sources.filter(|source| !source.eq_ignore_ascii_case("'none'"));
            let sources: Vec<&str> = kept.chain([STYLE_SOURCE.as_str()]).collect();
            sources.join(" ")
        };
        let is_style = |directive: &String| name(directive).starts_with("style-src");
        if directives.iter().any(is_style) {
            for directive in directives.iter_mut().filter(|one| is_style(one)) {
                *directive = format!("{} {}", name(directive), allowing(directive));
            }
        } else if let Some(default) = directives.iter().find(|one| name(one) == "default-src") {
            directives.push(format!("style-src {}", allowing(default)));
        }
        directives.join("; ")
    });
    extended.collect::<Vec<_>>().join(", ")
}
