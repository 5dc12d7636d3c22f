//! Chooses format and content coding by the headers of a scrape, as specified
//! in <https://prometheus.io/docs/instrumenting/content_negotiation/>.

use super::{Encoding, Format};

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The format of the body.
    pub format: Format,
    /// The content coding of the body.
    pub encoding: Encoding,
    /// The value of the Content-Type header.
    pub content_type: String,
}

/// Chooses format and coding from the `Accept` and `Accept-Encoding` headers.
///
/// The client gets the format it prefers of those that the exporter has, and
/// text 0.0.4 if there is none. What cannot be parsed in a header is ignored.
#[must_use]
pub fn negotiate(accept: Option<&str>, accept_encoding: Option<&str>) -> Negotiated {
    let (media_type, escaping) = media_type(accept.unwrap_or_default());
    Negotiated {
        format: media_type.format(),
        encoding: encoding(accept_encoding.unwrap_or_default()),
        content_type: media_type.content_type(escaping),
    }
}

/// The media types that the exporter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MediaType {
    Protobuf,
    OpenMetrics200,
    OpenMetrics100,
    Text100,
    Text004,
}

impl MediaType {
    /// Of types that a client prefers equally, it gets the first.
    const ALL: [Self; 5] = [
        Self::Protobuf,
        Self::OpenMetrics200,
        Self::OpenMetrics100,
        Self::Text100,
        Self::Text004,
    ];

    fn format(self) -> Format {
        match self {
            Self::Protobuf => Format::Protobuf,
            Self::OpenMetrics200 => Format::OpenMetrics2,
            Self::OpenMetrics100 => Format::OpenMetrics,
            Self::Text100 | Self::Text004 => Format::Text,
        }
    }

    /// Whether an element of an Accept header names this type.
    fn is_named_by(self, entry: &Entry<'_>) -> bool {
        let name = entry.name.as_str();
        let version = entry.parameter("version");
        match self {
            Self::Protobuf => {
                name == "application/vnd.google.protobuf"
                    && entry.parameter("proto") == "io.prometheus.client.MetricFamily"
                    && entry.parameter("encoding") == "delimited"
            }
            Self::OpenMetrics200 => name == "application/openmetrics-text" && version == "2.0.0",
            Self::OpenMetrics100 => {
                name == "application/openmetrics-text" && ["", "1.0.0"].contains(&version)
            }
            Self::Text100 => name == "text/plain" && version == "1.0.0",
            Self::Text004 => name == "text/plain" && ["", "0.0.4"].contains(&version),
        }
    }

    /// All names on the page are valid without escaping, so every scheme that a
    /// client may request is followed.
    fn content_type(self, escaping: Option<&'static str>) -> String {
        let media_type = match self {
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
            Self::OpenMetrics200 => "application/openmetrics-text; version=2.0.0; charset=utf-8",
            Self::OpenMetrics100 => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text100 => "text/plain; version=1.0.0; charset=utf-8",
            Self::Text004 => "text/plain; version=0.0.4; charset=utf-8",
        };
        let escaping = match self {
            Self::OpenMetrics100 | Self::Text100 => escaping.or(Some(DEFAULT_ESCAPING)),
            Self::Protobuf | Self::OpenMetrics200 => escaping,
            Self::Text004 => None,
        };
        escaping.map_or_else(
            || media_type.to_owned(),
            |escaping| format!("{media_type}; escaping={escaping}"),
        )
    }
}

/// The schemes to escape names that older clients cannot read.
const ESCAPING: [&str; 4] = ["allow-utf-8", "underscores", "dots", "values"];

/// What clients get that request no scheme or one that is not known.
const DEFAULT_ESCAPING: &str = "underscores";

/// The preferred media type, and the escaping scheme requested with it.
fn media_type(accept: &str) -> (MediaType, Option<&'static str>) {
    let entries: Vec<Entry<'_>> = entries(accept).collect();
    let mut chosen = (MediaType::Text004, None);
    let mut chosen_quality = 0.0;
    for media_type in MediaType::ALL {
        let named = entries.iter().filter(|entry| media_type.is_named_by(entry));
        let mut best = named.max_by(|one, other| one.quality.total_cmp(&other.quality));
        // Ranges of types mean the format that every client can read.
        if best.is_none() && media_type == MediaType::Text004 {
            let is_range = |entry: &&Entry<'_>| ["text/*", "*/*"].contains(&&*entry.name);
            let ranges = entries.iter().filter(is_range);
            best = ranges.max_by(|one, other| one.quality.total_cmp(&other.quality));
        }
        if let Some(entry) = best
            && entry.quality > chosen_quality
        {
            let requested = entry.parameter("escaping");
            let escaping = ESCAPING.into_iter().find(|scheme| *scheme == requested);
            chosen = (media_type, escaping);
            chosen_quality = entry.quality;
        }
    }
    chosen
}

fn encoding(accept: &str) -> Encoding {
    let quality = |name: &str| {
        let mut named = entries(accept).filter(|entry| entry.name == name);
        named.next().map(|entry| entry.quality)
    };
    let gzip = quality("gzip").or_else(|| quality("x-gzip"));
    let gzip = gzip.or_else(|| quality("*")).unwrap_or(0.0);
    let zstd = quality("zstd").unwrap_or(0.0);
    // If not named, identity is acceptable, but the others are preferred.
    let identity = quality("identity").unwrap_or(0.0);
    if zstd > 0.0 && zstd >= gzip && zstd >= identity {
        Encoding::Zstd
    } else if gzip > 0.0 && gzip >= identity {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// One element of an Accept header.
struct Entry<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    quality: f32,
}

impl Entry<'_> {
    /// The value of a parameter; empty if it is not there.
    fn parameter(&self, name: &str) -> &str {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(parameter, _)| parameter == name);
        found.map_or("", |(_, value)| value)
    }
}

fn entries(header: &str) -> impl Iterator<Item = Entry<'_>> {
    header.split(',').map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters = parameters.map(|(name, value)| {
            let value = value.trim().trim_matches('"');
            (name.trim().to_ascii_lowercase(), value)
        });
        let mut entry = Entry {
            name,
            parameters: parameters.collect(),
            quality: 1.0,
        };
        if entry.parameters.iter().any(|(name, _)| name == "q") {
            entry.quality = quality(entry.parameter("q"));
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
