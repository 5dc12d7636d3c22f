//! The samples of feeds.

use super::catalogue::Family;
use super::catalogue::expectations::{EXPECTATION_GAUGES, FEED_INFO};
use super::catalogue::feeds::{FEED_COUNTERS, FEED_DURATION, FEED_GAUGES, FEED_RUNS, FEED_STATE};
use super::encoder::{Encoder, Histogram, Labels};
use super::samples::{Row, SampleWriter, label, labels};
use super::text::Value;
use crate::config::Severity;
use crate::feeds::Feed;
use crate::jobs::State;

impl<E: Encoder> SampleWriter<'_, E> {
    pub(super) fn feeds(&mut self, feeds: &[Feed]) {
        let encoder = self.encoder;
        let feeds = self.feed_rows(feeds, ["table", "feed"]);
        self.reserve(&feeds, 50);
        self.states(&FEED_STATE, &feeds, |feed| feed.state.as_ref());
        self.gauges(&FEED_GAUGES, &feeds);
        self.runs(&FEED_RUNS, &feeds);
        for rows in &FEED_COUNTERS {
            let name = rows.family.name;
            self.family(&rows.family, |out| {
                for Row { labels, item } in &feeds {
                    let labels = Labels::shared(labels);
                    let count = Value::Count((rows.value)(item));
                    encoder.counter(out, name, labels, count, Some(item.created));
                }
            });
        }
        self.family(&FEED_DURATION, |out| {
            for Row { labels, item } in &feeds {
                let durations = Histogram {
                    sum: Value::milliseconds(item.totals.duration_ms),
                    count: item.totals.durations,
                    buckets: &[],
                    native: Some(&item.totals.duration_histogram),
                };
                let (name, labels) = (FEED_DURATION.name, Labels::shared(labels));
                encoder.histogram(out, name, labels, durations, Some(item.created));
            }
        });
        self.expectations(&feeds);
    }

    /// The labels of feeds or workflows: the tenant and these two.
    pub(super) fn feed_rows<'b>(
        &self,
        feeds: &'b [Feed],
        [table, feed]: [&str; 2],
    ) -> Vec<Row<'b, Feed>> {
        let rows = feeds.iter().map(|item| Row {
            labels: labels(
                self.encoder,
                [
                    ("tenant", &*self.snapshot.tenant),
                    (table, &*item.table),
                    (feed, &*item.feed),
                ],
            ),
            item,
        });
        rows.collect()
    }

    /// Writes the finished runs by state.
    pub(super) fn runs(&mut self, family: &'static Family, rows: &[Row<'_, Feed>]) {
        let encoder = self.encoder;
        self.family(family, |out| {
            for Row { labels, item } in rows {
                let totals = &item.totals.runs;
                let others = totals.keys().filter(|state| !state.is_terminal());
                for state in State::TERMINAL.iter().chain(others) {
                    let count = totals.get(state).copied().unwrap_or_default();
                    let own = &label(encoder, "state", state.as_str());
                    let labels = Labels {
                        shared: labels,
                        own,
                    };
                    encoder.counter(
                        out,
                        family.name,
                        labels,
                        Value::Count(count),
                        Some(item.created),
                    );
                }
            }
        });
    }

    /// Writes what is expected of the feeds.
    fn expectations(&mut self, feeds: &[Row<'_, Feed>]) {
        let (encoder, names) = (self.encoder, &self.snapshot.workflow_names);
        self.family(&FEED_INFO, |out| {
            for Row {
                labels: shared,
                item,
            } in feeds
            {
                let rule = item.rule.as_deref();
                let name = rule.and_then(|rule| rule.name.as_deref());
                let team = rule.and_then(|rule| rule.team.as_deref());
                let severity = rule.and_then(|rule| rule.severity);
                let last_run = item.last_run.as_ref();
                let workflow = last_run.and_then(|run| run.workflow_id.as_ref());
                let workflow = workflow.and_then(|id| names.get(id));
                let own = &labels(
                    encoder,
                    [
                        ("name", name.unwrap_or_default()),
                        ("team", team.unwrap_or_default()),
                        ("severity", severity.map_or("", Severity::as_str)),
                        ("workflow", workflow.map_or("", |name| &**name)),
                    ],
                );
                let labels = Labels { shared, own };
                encoder.gauge(out, FEED_INFO.name, labels, Value::Count(1));
            }
        });
        self.gauges(&EXPECTATION_GAUGES, feeds);
    }
}
