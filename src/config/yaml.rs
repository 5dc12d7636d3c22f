//! YAML to [`File`], or to what another file of the project holds. Errors are
//! worded here: those of the parser quote the text, which may hold a token.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Deserializer as Tracking, Segment, Track};
use serde_saphyr::{Error, Location, Options};

use super::file::File;

/// What is wrong with the text, and on which line.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) line: Option<u64>,
    pub(crate) message: String,
}

/// Reads the text of a configuration file.
pub(super) fn parse(text: &str) -> Result<File, Fault> {
    if is_empty(text) {
        return Err(Fault {
            line: None,
            message: "the file is empty; list at least one tenant under `tenants:`".to_owned(),
        });
    }
    read(text)
}

/// Reads YAML strictly.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let mut track = Track::new();
    serde_saphyr::with_deserializer_from_str_with_options(text, options(), |yaml| {
        T::deserialize(Tracking::new(yaml, &mut track))
    })
    .map_err(|error| fault(&error, &Place::of(track), text))
}

/// Strict, with small limits: a configuration does not need a thousand aliases.
fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        reject_unsupported_tags: true,
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: 2,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
    }
}

/// Whether a text has nothing but blank lines, comments and document markers.
pub(crate) fn is_empty(text: &str) -> bool {
    // A byte order mark is not white space.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| {
        let is_marker = |marker| {
            let rest = line.strip_prefix(marker).map(str::trim_start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        };
        line.is_empty() || line.starts_with('#') || is_marker("---") || is_marker("...")
    })
}

/// Where in the structure the reader was.
struct Place {
    /// Such as `tenants[0].authorization`; empty at the top level.
    whole: String,
    /// The same without its last key.
    section: String,
}

impl Place {
    fn of(track: Track) -> Self {
        let path = track.path();
        let mut place = Self {
            whole: String::new(),
            section: String::new(),
        };
        for segment in &path {
            match segment {
                Segment::Seq { index } => place.whole = format!("{}[{index}]", place.whole),
                // What the wrapper that remembers the line adds.
                Segment::Map { key } if key == "value" => {}
                Segment::Map { key } => {
                    place.section = place.whole.clone();
                    if !place.whole.is_empty() {
                        place.whole.push('.');
                    }
                    place.whole.push_str(key);
                }
                // A key that could not be read is not part of any place.
                Segment::Enum { .. } | Segment::Unknown => place.section = place.whole.clone(),
            }
        }
        place
    }
}

fn fault(error: &Error, place: &Place, text: &str) -> Fault {
    let location = error.location();
    let quote = |key: &str| {
        let shown = location.is_some_and(|location| is_plain_key(key, location, text));
        if shown {
            format!(" \"{key}\"")
        } else {
            String::new()
        }
    };
    let whole = if place.whole.is_empty() {
        String::new()
    } else {
        format!("{}: ", place.whole)
    };
    let section = |key: &str| {
        // `Place` takes a key of this name for the wrapper's.
        let section = if key == "value" {
            &place.whole
        } else {
            &place.section
        };
        if section.is_empty() {
            "at the top level".to_owned()
        } else {
            format!("in {section}")
        }
    };
    let message = match error.without_snippet() {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let (expected, section) = (expected.join(", "), section(field));
            let hidden = invisible(field);
            let field = quote(field);
            format!("unknown field{field} {section}{hidden}; expected one of {expected}")
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or_default();
            let (section, key) = (section(key), quote(key));
            format!("repeated field{key} {section}; keep one of them")
        }
        Error::Unexpected { expected, .. } => {
            format!("{whole}expected {}", structure(expected))
        }
        Error::NullIntoString { .. } => {
            format!("{whole}expected a single value, found nothing")
        }
        Error::InvalidScalar { ty, .. } => format!("{whole}expected {}", scalar(ty)),
        Error::InvalidBooleanStrict { .. } => format!("{whole}expected true or false"),
        Error::UnknownAnchor { .. } => {
            "alias of an anchor that is not defined; a value that begins with * or & needs quotes"
                .to_owned()
        }
        Error::MultipleDocuments { .. } => {
            "more than one YAML document; remove what follows `---`".to_owned()
        }
        Error::UnsupportedTag { .. } => {
            "a tag that means nothing here; a value that begins with ! needs quotes".to_owned()
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "too much nesting, or too many aliases; write it out".to_owned()
        }
        // The parser names at most one character of the text.
        Error::ExternalMessage { msg, .. } => format!(
            "not valid YAML: {msg}; check indentation, quotes and colons here and in the line above"
        ),
        Error::Eof { .. } => "not valid YAML: it ends too early".to_owned(),
        _ => format!("{whole}not acceptable here; see docs/CONFIGURATION.md for an example"),
    };
    Fault {
        line: location.map(|location| location.line()),
        message,
    }
}

/// Names a character of a key that cannot be seen, such as a no-break space.
fn invisible(key: &str) -> String {
    let is_invisible = |letter: &char| {
        !letter.is_ascii()
            && (letter.is_whitespace() || "\u{200b}\u{2060}\u{feff}".contains(*letter))
    };
    let found = key.chars().find(is_invisible);
    found.map_or_else(String::new, |letter| {
        let code = u32::from(letter);
        format!(": it contains the invisible character U+{code:04X}, type it again")
    })
}

/// Whether a key may be shown: it was written as one, with a colon, and looks
/// like one, so that it cannot be a secret in the wrong place.
fn is_plain_key(key: &str, location: Location, text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'2');
    let line = usize::try_from(location.line()).unwrap_or_default();
    let column = usize::try_from(location.column()).unwrap_or_default();
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let after: String = written
        .chars()
        .skip(column.saturating_sub(1) + key.len())
        .collect();
    key.len() <= 24 && key.bytes().all(plain) && after.trim_start().starts_with(':')
}

fn structure(expected: &str) -> &'static str {
    match expected {
        "mapping start" => "a mapping (`field: value`)",
        "sequence start" => "a list (`- value`)",
        _ => "a single value",
    }
}

fn scalar(expected: &str) -> &'static str {
    match expected {
        "boolean" => "true or false",
        "floating point" => "a number",
        _ => "a whole number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_markers_are_empty() {
        for empty in ["", "\u{feff}", " \n# a\n\n", "---\n...\n", "--- # a\n"] {
            assert!(is_empty(empty), "{empty:?}");
        }
        for other in ["a", "---\na: 1\n", "--- a", "{}", "----"] {
            assert!(!is_empty(other), "{other:?}");
        }
    }
}
