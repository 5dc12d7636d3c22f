//! Chooses format and coding by the headers of a scrape.

use super::{Encoding, Format};

/// Chooses format and coding from the `Accept` and `Accept-Encoding` headers.
///
/// A client that names `OpenMetrics`, with at least the quality of text, gets
/// it; every other client gets text. What cannot be parsed in a header is
/// ignored.
#[must_use]
pub fn negotiate(accept: Option<&str>, accept_encoding: Option<&str>) -> (Format, Encoding) {
    (
        accept.map_or(Format::Text, format),
        accept_encoding.map_or(Encoding::Identity, encoding),
    )
}

fn format(accept: &str) -> Format {
    let mut text: f32 = 0.0;
    let mut open_metrics: f32 = 0.0;
    for entry in entries(accept) {
        match (entry.name.as_str(), entry.version) {
            ("application/openmetrics-text", "1.0.0" | "") => {
                open_metrics = open_metrics.max(entry.quality);
            }
            ("text/plain", "0.0.4" | "") | ("text/*" | "*/*", _) => {
                text = text.max(entry.quality);
            }
            _ => {}
        }
    }
    if open_metrics > 0.0 && open_metrics >= text {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

fn encoding(accept: &str) -> Encoding {
    let quality = |name: &str| {
        let mut named = entries(accept).filter(|entry| entry.name == name);
        named.next().map(|entry| entry.quality)
    };
    let gzip = quality("gzip").or_else(|| quality("x-gzip"));
    let gzip = gzip.or_else(|| quality("*")).unwrap_or(0.0);
    // If not named, identity is acceptable, but gzip is preferred.
    let identity = quality("identity").unwrap_or(0.0);
    if gzip > 0.0 && gzip >= identity {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// One element of an Accept header.
struct Entry<'a> {
    name: String,
    version: &'a str,
    quality: f32,
}

fn entries(header: &str) -> impl Iterator<Item = Entry<'_>> {
    header.split(',').map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let mut entry = Entry {
            name: parts.next().unwrap_or_default().to_ascii_lowercase(),
            version: "",
            quality: 1.0,
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => entry.version = value,
                "q" => entry.quality = quality(value),
                _ => {}
            }
        }
        entry
    })
}

/// A number from 0 to 1; anything else counts as 0.
fn quality(text: &str) -> f32 {
    let number = text.parse().unwrap_or(0.0);
    if (0.0..=1.0).contains(&number) {
        number
    } else {
        0.0
    }
}
