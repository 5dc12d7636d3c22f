//! The charts on a feed's page: rows read and duration of each run, with what
//! is usual for the latest.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::feeds::{Feed, Run};

use super::condition::is_running;
use super::words::{float, number, seconds_between, span, state_words, whole};

/// Places of a chart with fewer runs than these.
const MIN_PLACES: usize = 20;
/// Width of a place. The height of a chart is 100.
const STEP: usize = 10;

/// One run in a chart.
struct Bar {
    value: u64,
    class: &'static str,
    title: String,
}

/// What is usual.
struct Usual {
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

/// One chart.
struct Chart {
    title: &'static str,
    /// One per run; `None` without a value.
    bars: Vec<Option<Bar>>,
    usual: Usual,
    words: fn(u64) -> String,
}

/// Both charts.
pub(super) fn charts(feed: &Feed, now: Timestamp) -> Markup {
    let expected = &feed.expected;
    let rows = Chart {
        title: "Rows read",
        bars: bars(feed, |run| run.rows.read, number),
        usual: Usual {
            value: expected.usual_read_rows,
            low: expected.low_read_rows,
            high: expected.high_read_rows,
        },
        words: number,
    };
    let seconds = |run: &Run| run.duration_ms().map(|time| time / 1_000);
    let mut durations = bars(feed, seconds, span);
    if is_running(feed) {
        let since = feed.running_since;
        let running = since.and_then(|since| seconds_between(since, now));
        durations.push(running.map(|value| Bar {
            value,
            class: "running",
            title: format!("{} so far", span(value)),
        }));
    }
    let duration = Chart {
        title: "Duration",
        bars: durations,
        usual: Usual {
            value: expected.usual_duration,
            low: None,
            high: expected.duration_limit,
        },
        words: span,
    };
    html! {
        div.charts { (rows.draw()) (duration.draw()) }
        p.legend {
            "Each bar is a run, the newest at the right; hollow bars did not succeed. "
            "The shaded range is expected of the newest run, the dashed line is usual for it."
        }
    }
}

fn bars(
    feed: &Feed,
    value: impl Fn(&Run) -> Option<u64>,
    words: fn(u64) -> String,
) -> Vec<Option<Bar>> {
    let bar = |run: &Run| {
        let value = value(run)?;
        let start = run.started_at.or(run.ended_at);
        let start = start.map(|start| start.strftime("%Y-%m-%d %H:%M, ").to_string());
        let (words, state) = (words(value), state_words(run.state.as_ref()));
        Some(Bar {
            value,
            class: if run.succeeded() {
                "succeeded"
            } else {
                "unsuccessful"
            },
            title: format!("{}{words}, {state}", start.unwrap_or_default()),
        })
    };
    feed.recent_runs.iter().map(|run| bar(run)).collect()
}

impl Chart {
    fn draw(&self) -> Markup {
        let places = self.bars.len().max(MIN_PLACES);
        let first = places - self.bars.len();
        let width = places * STEP;
        let top = self.top();
        let y = |value: f64| 100.0 - 100.0 * (value / top).clamp(0.0, 1.0);
        let usual = &self.usual;
        let has_band = usual.low.is_some() || usual.high.is_some();
        let band_top = usual.high.map_or(0.0, y);
        let band_height = usual.low.map_or(100.0, y) - band_top;
        let has_values = self.bars.iter().any(Option::is_some);
        html! {
            figure {
                figcaption { h3 { (self.title) } p { (self.usual_in_words()) } }
                @if has_values {
                    div.plot {
                        span.top { (self.words_of(top)) }
                        svg viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" role="img" aria-label=(self.label()) {
                            @if has_band {
                                rect.band width=(width) y=(coordinate(band_top)) height=(coordinate(band_height)) {}
                            }
                            @for (index, bar) in self.bars.iter().enumerate() {
                                @if let Some(bar) = bar {
                                    @let height = (100.0 - y(float(bar.value))).max(0.5);
                                    rect class=(bar.class) x=((first + index) * STEP + 1) width=(STEP - 2)
                                        y=(coordinate(100.0 - height)) height=(coordinate(height)) {
                                        title { (bar.title) }
                                    }
                                }
                            }
                            @if let Some(value) = usual.value {
                                path.usual d={ "M0 " (coordinate(y(value))) "h" (width) } {}
                            }
                        }
                    }
                } @else { p.quiet { "No values yet." } }
            }
        }
    }

    /// The greatest value, or a greater usual one, up to 1.5 times the greatest
    /// value so that the bars do not become too low to compare.
    fn top(&self) -> f64 {
        let values = self.bars.iter().flatten().map(|bar| float(bar.value));
        let most = values.fold(1.0, f64::max);
        let usual = self.usual.value.into_iter().chain(self.usual.high);
        usual.fold(most, |top, usual| top.max(usual.min(most * 1.5)))
    }

    fn words_of(&self, value: f64) -> String {
        (self.words)(whole(value))
    }

    fn usual_in_words(&self) -> String {
        let usual = &self.usual;
        let words = |value: f64| self.words_of(value);
        let value = usual.value.map(|value| format!("usually {}", words(value)));
        let range = match (usual.low, usual.high) {
            (Some(low), Some(high)) => Some(format!("from {} to {}", words(low), words(high))),
            (Some(low), None) => Some(format!("at least {}", words(low))),
            (None, Some(high)) => Some(format!("at most {}", words(high))),
            (None, None) => None,
        };
        let parts: Vec<String> = value.into_iter().chain(range).collect();
        if parts.is_empty() {
            return "Too few runs to know what is usual.".to_owned();
        }
        format!("Expected of the newest run: {}.", parts.join(", "))
    }

    fn label(&self) -> String {
        let values = self.bars.iter().flatten().map(|bar| bar.value);
        let range = values.clone().min().zip(values.max());
        let range =
            range.map(|(min, max)| format!(" from {} to {}", (self.words)(min), (self.words)(max)));
        format!(
            "{} of the latest {} runs, oldest first{}",
            self.title,
            self.bars.len(),
            range.unwrap_or_default()
        )
    }
}

/// With one decimal: a thousandth of the height.
fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.trim_end_matches(".0").to_owned()
}
