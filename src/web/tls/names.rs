//! Versions, cipher suites and curves by the names of the web configuration
//! file. Those that rustls omits as insecure are an error that says so.

use rustls::crypto::{SupportedKxGroup, ring};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

use super::TlsError;

/// From `min_version` to `max_version`.
pub(super) fn versions(
    min: Option<&str>,
    max: Option<&str>,
) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let min = number("min_version", min.unwrap_or("TLS12"))?;
    let max = number("max_version", max.unwrap_or("TLS13"))?;
    let all = [(2, &version::TLS12), (3, &version::TLS13)];
    let versions: Vec<_> = all
        .into_iter()
        .filter(|(number, _)| (min..=max).contains(number))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err("min_version is above max_version".to_owned().into());
    }
    Ok(versions)
}

fn number(field: &str, name: &str) -> Result<u8, TlsError> {
    match name {
        "TLS12" => Ok(2),
        "TLS13" => Ok(3),
        "TLS10" | "TLS11" => Err(format!(
            "{field}: {name} is not secure and not supported; TLS12 is the oldest"
        )
        .into()),
        _ => Err(format!("{field}: expected TLS12 or TLS13").into()),
    }
}

/// The suites of these names, or all. A list without suites of TLS 1.3 does
/// not restrict TLS 1.3, as in other exporters.
pub(super) fn cipher_suites(
    names: Option<&[String]>,
) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    let names = names.unwrap_or_default();
    let all = ring::ALL_CIPHER_SUITES;
    let mut chosen = Vec::with_capacity(all.len());
    for name in names {
        let suite = all.iter().find(|suite| has_name(suite, name));
        let suite = suite.ok_or_else(|| {
            let known: Vec<String> = all.iter().map(go_name).collect();
            let known = known.join(", ");
            format!("cipher_suites: {name:?} is not supported (no CBC, RC4 or RSA key exchange); use some of {known}")
        })?;
        chosen.push(*suite);
    }
    if chosen.is_empty() {
        return Ok(all.to_vec());
    }
    if !chosen.iter().any(|suite| suite.tls13().is_some()) {
        chosen.extend(all.iter().filter(|suite| suite.tls13().is_some()));
    }
    Ok(chosen)
}

/// rustls uses `TLS13_AES_…` for `TLS_AES_…`.
fn go_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn has_name(suite: &SupportedCipherSuite, name: &str) -> bool {
    let known = go_name(suite);
    // Older names of two suites lack the hash.
    known == name || (name.ends_with("POLY1305") && known == format!("{name}_SHA256"))
}

/// The curves of these names, in their order, or all.
pub(super) fn curves(
    names: Option<&[String]>,
) -> Result<Vec<&'static dyn SupportedKxGroup>, TlsError> {
    let names = names.unwrap_or_default();
    if names.is_empty() {
        return Ok(ring::ALL_KX_GROUPS.to_vec());
    }
    let curve = |name: &String| match name.as_str() {
        "X25519" => Ok(ring::kx_group::X25519),
        "CurveP256" => Ok(ring::kx_group::SECP256R1),
        "CurveP384" => Ok(ring::kx_group::SECP384R1),
        _ => Err(TlsError::from(format!(
            "curve_preferences: {name:?} is not supported; use some of X25519, CurveP256, CurveP384"
        ))),
    };
    names.iter().map(curve).collect()
}
