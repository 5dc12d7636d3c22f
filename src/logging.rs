//! The log: one line per event on standard error, in logfmt like other
//! exporters or in JSON. Events of dependencies are logged from level warn.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::clock::Clock;

/// Level and format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The minimum level.
    pub(crate) level: Level,
    /// The format of an event.
    pub(crate) format: Format,
}

/// The level of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    /// Details for troubleshooting.
    Debug,
    /// Normal events, such as a start or a reload.
    Info,
    /// Problems the exporter can work around.
    Warn,
    /// Problems that need attention.
    Error,
}

/// The format of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// `time=… level=info msg="…" key=value`
    Logfmt,
    /// One JSON object per line.
    Json,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error => Self::ERROR,
        }
    }
}

/// Starts logging to standard error. A second call has no effect.
pub(crate) fn install(options: Options, clock: Clock) {
    let subscriber = subscriber(options, clock, std::io::stderr);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("logging is already installed");
    }
}

/// The subscriber that writes to `writer`.
fn subscriber<W>(options: Options, clock: Clock, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let line = Line {
        format: options.format,
        clock,
    };
    let layer = tracing_subscriber::fmt::layer()
        .event_format(line)
        .with_ansi(false)
        .with_writer(writer);
    let layer = layer
        .with_filter(filter_fn(is_enabled))
        .with_filter(LevelFilter::from(options.level));
    Registry::default().with(layer)
}

fn is_enabled(metadata: &Metadata<'_>) -> bool {
    let own = metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    // hyper and h2 warn of what any client can cause as often as it likes.
    let of_client = ["h2", "hyper"]
        .iter()
        .any(|it| metadata.target().starts_with(it));
    own || *metadata.level() <= tracing::Level::WARN && !of_client
}

/// Writes an event as one line.
#[derive(Debug)]
struct Line {
    format: Format,
    clock: Clock,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'fields> FormatFields<'fields> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = format!("{:.3}", self.clock.now());
        let level = event.metadata().level().as_str().to_lowercase();
        let first = [("time", time), ("level", level), ("msg", fields.message)];
        let first = first.map(|(key, text)| (key, Value::Text(text)));
        let all = first.iter().chain(&fields.others);
        match self.format {
            Format::Logfmt => logfmt(&mut writer, all)?,
            Format::Json => json(&mut writer, all)?,
        }
        writeln!(writer)
    }
}

/// The value of a field.
enum Value {
    /// Text, quoted if necessary.
    Text(String),
    /// A number or a boolean, never quoted.
    Plain(String),
}

type Pair = (&'static str, Value);

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<Pair>,
}

impl Fields {
    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            name => self.others.push((name, Value::Text(text))),
        }
    }

    fn plain(&mut self, field: &Field, value: &impl ToString) {
        self.others
            .push((field.name(), Value::Plain(value.to_string())));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field, value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format!("{value:?}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, &value);
        } else {
            self.text(field, value.to_string());
        }
    }
}

fn logfmt<'a>(writer: &mut Writer<'_>, pairs: impl Iterator<Item = &'a Pair>) -> fmt::Result {
    for (index, (key, value)) in pairs.enumerate() {
        if index > 0 {
            writer.write_char(' ')?;
        }
        write!(writer, "{key}=")?;
        let bare = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '=' | '\\');
        match value {
            Value::Text(text) if text.is_empty() || !text.chars().all(bare) => {
                quoted(writer, text)?;
            }
            Value::Text(text) | Value::Plain(text) => writer.write_str(text)?,
        }
    }
    Ok(())
}

fn json<'a>(writer: &mut Writer<'_>, pairs: impl Iterator<Item = &'a Pair>) -> fmt::Result {
    writer.write_char('{')?;
    for (index, (key, value)) in pairs.enumerate() {
        if index > 0 {
            writer.write_char(',')?;
        }
        write!(writer, "\"{key}\":")?;
        match value {
            Value::Text(text) => quoted(writer, text)?,
            Value::Plain(text) => writer.write_str(text)?,
        }
    }
    writer.write_char('}')
}

/// A JSON string; logfmt uses the same quoting. All control characters are
/// escaped: text from outside must not start a new line or contain terminal
/// escape sequences.
fn quoted(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(writer, "\\{letter}")?,
            '\n' => writer.write_str("\\n")?,
            '\r' => writer.write_str("\\r")?,
            '\t' => writer.write_str("\\t")?,
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                write!(writer, "\\u{:04x}", u32::from(letter))?;
            }
            letter => writer.write_char(letter)?,
        }
    }
    writer.write_char('"')
}

#[cfg(test)]
mod tests;
