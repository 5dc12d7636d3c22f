//! The protobuf format, decoded by prost.

use std::fmt::Write as _;

use prost::Message;

use messages::{MetricFamily, MetricType, Time};

use super::*;
use crate::exposition::parser::Series;
use crate::telemetry::Endpoint;
use crate::telemetry::family::Kind;

mod messages;

/// Decodes a page to its last byte.
pub(super) fn families(mut page: &[u8]) -> Vec<MetricFamily> {
    let mut families: Vec<MetricFamily> = Vec::new();
    while !page.is_empty() {
        let family = MetricFamily::decode_length_delimited(&mut page).unwrap();
        let is_new = families.iter().all(|other| other.name != family.name);
        assert!(is_new, "{} comes twice", family.name);
        assert!(!family.metric.is_empty(), "{} has no metric", family.name);
        families.push(family);
    }
    families
}

/// The series that Prometheus stores without native histograms, but for the
/// bucket at infinity of histograms that are native only.
pub(super) fn series(body: &Body) -> Vec<(Series, f64)> {
    let mut series = Vec::new();
    for family in families(&body.chunks.concat()) {
        for metric in &family.metric {
            assert_eq!(metric.timestamp_ms, None);
            let mut sample = |suffix: &str, bound: Option<f64>, value: f64| {
                let labels = metric.label.iter();
                let labels = labels.map(|label| (label.name.clone(), label.value.clone()));
                let mut labels: Vec<_> = labels.collect();
                labels.extend(bound.map(|bound| ("le".to_owned(), format!("{bound:?}"))));
                labels.sort();
                series.push(((format!("{}{suffix}", family.name), labels), value));
            };
            match (
                family.kind(),
                &metric.gauge,
                &metric.counter,
                &metric.summary,
                &metric.histogram,
            ) {
                (MetricType::Gauge, Some(gauge), None, None, None) => {
                    sample("", None, gauge.value);
                }
                (MetricType::Counter, None, Some(counter), None, None) => {
                    sample("", None, counter.value);
                }
                (MetricType::Summary, None, None, Some(summary), None) => {
                    sample("_sum", None, summary.sum);
                    sample("_count", None, number(summary.count));
                }
                (MetricType::Histogram, None, None, None, Some(histogram)) => {
                    assert_eq!(histogram.schema, Some(3));
                    histogram.native_buckets();
                    if histogram.bucket.is_empty() {
                        // In text a sum and a count.
                        sample("_sum", None, histogram.sum);
                        sample("_count", None, number(histogram.count));
                        continue;
                    }
                    for bucket in &histogram.bucket {
                        let bound = Some(bucket.upper_bound);
                        sample("_bucket", bound, number(bucket.cumulative_count));
                    }
                    sample("_bucket", Some(f64::INFINITY), number(histogram.count));
                    sample("_sum", None, histogram.sum);
                    sample("_count", None, number(histogram.count));
                }
                _ => panic!("{metric:?} in a family of type {:?}", family.kind()),
            }
        }
    }
    series
}

#[expect(clippy::cast_precision_loss, reason = "rounds to the nearest")]
fn number(count: u64) -> f64 {
    count as f64
}

/// A page in lines: families, and of each metric its labels and value.
fn lines(body: &Body) -> String {
    let mut lines = String::new();
    for family in families(&body.chunks.concat()) {
        let kind = family.kind();
        writeln!(lines, "{kind:?} {} [{}]", family.name, family.unit).unwrap();
        for metric in &family.metric {
            let labels = metric.label.iter();
            let labels: Vec<_> = labels
                .map(|label| format!("{}={}", label.name, label.value))
                .collect();
            let created = |created: &Option<Time>| match created {
                Some(Time { seconds, nanos }) => format!("since {seconds}.{nanos:09}"),
                None => String::new(),
            };
            write!(lines, "  {}: ", labels.join(" ")).unwrap();
            if let Some(gauge) = &metric.gauge {
                writeln!(lines, "{}", gauge.value).unwrap();
            }
            if let Some(counter) = &metric.counter {
                writeln!(lines, "{} {}", counter.value, created(&counter.created)).unwrap();
            }
            if let Some(summary) = &metric.summary {
                let (sum, count) = (summary.sum, summary.count);
                let time = created(&summary.created);
                writeln!(lines, "{sum} of {count} {time}").unwrap();
            }
            if let Some(histogram) = &metric.histogram {
                let (sum, count) = (histogram.sum, histogram.count);
                let buckets = histogram.native_buckets();
                let time = created(&histogram.created);
                writeln!(lines, "{sum} of {count} {buckets:?} {time}").unwrap();
            }
        }
    }
    lines
}

#[test]
fn a_feed_in_protobuf() {
    let page = page(&[snapshot("socktown", vec![], vec![documented_feed()])]);
    let body = page.body(Format::Protobuf, Encoding::Identity, &Gathered::default());
    let lines = lines(&body);
    let of_counters = lines
        .split_inclusive('\n')
        .skip_while(|line| !line.contains("amperity_feed_runs_total"))
        .take_while(|line| !line.contains("amperity_feed_info"));
    assert_snapshot!(of_counters.collect::<String>(), @r"
    Counter amperity_feed_runs_total []
      tenant=socktown table=My table feed=df-5L6d1veh state=succeeded: 1 since 1717200000.500000000
      tenant=socktown table=My table feed=df-5L6d1veh state=stopped: 0 since 1717200000.500000000
      tenant=socktown table=My table feed=df-5L6d1veh state=failed: 0 since 1717200000.500000000
      tenant=socktown table=My table feed=df-5L6d1veh state=skipped: 0 since 1717200000.500000000
      tenant=socktown table=My table feed=df-5L6d1veh state=canceled: 0 since 1717200000.500000000
    Counter amperity_feed_read_rows_total [rows]
      tenant=socktown table=My table feed=df-5L6d1veh: 1000 since 1717200000.500000000
    Counter amperity_feed_inserted_rows_total [rows]
      tenant=socktown table=My table feed=df-5L6d1veh: 400 since 1717200000.500000000
    Counter amperity_feed_updated_rows_total [rows]
      tenant=socktown table=My table feed=df-5L6d1veh: 200 since 1717200000.500000000
    Counter amperity_feed_rejected_rows_total [rows]
      tenant=socktown table=My table feed=df-5L6d1veh: 200 since 1717200000.500000000
    Counter amperity_feed_error_rows_total [rows]
      tenant=socktown table=My table feed=df-5L6d1veh: 200 since 1717200000.500000000
    Histogram amperity_feed_run_duration_seconds [seconds]
      tenant=socktown table=My table feed=df-5L6d1veh: 3 of 1 [(13, 1)] since 1717200000.500000000
    ");
    assert!(lines.starts_with("Gauge amperity_up []\n"), "{lines}");
}

#[test]
fn the_header_of_a_family_has_its_help_and_unit() {
    let page = page(&[snapshot("socktown", vec![documented_job()], vec![])]);
    let body = page.body(Format::Protobuf, Encoding::Identity, &Gathered::default());
    for family in families(&body.chunks.concat()) {
        let declared =
            crate::exposition::catalogue::families().find(|declared| declared.name == family.name);
        let declared = declared.unwrap();
        assert_eq!(family.help, declared.help);
        assert_eq!(family.unit, declared.unit().unwrap_or_default());
        let kind = format!("{:?}", family.kind()).to_lowercase();
        if declared.kind != Kind::NativeHistogram {
            assert_eq!(kind, declared.kind.as_str());
        }
    }
}

#[test]
fn the_exporters_own_series_are_the_same_in_all_formats() {
    let telemetry = Telemetry::new().unwrap();
    let before = crate::clock::Clock::system().now();
    let tenant = telemetry.tenant("socktown");
    for milliseconds in [3, 300, 99_000] {
        let elapsed = Duration::from_millis(milliseconds);
        tenant.request(Endpoint::IngestJob, Some(200), elapsed);
    }
    let own = telemetry.gather(|_| true);
    let page = Page::default();
    let body = |format| page.body(format, Encoding::Identity, &own);
    let parsed = |format| parser::parse(&text(&body(format)), format).unwrap();
    let text = parsed(Format::Text);
    let mut open_metrics_2 = parsed(Format::OpenMetrics2);
    open_metrics_2.retain(|((name, _), _)| !name.ends_with("_created"));
    assert_eq!(open_metrics_2, text);
    let sorted = |mut series: Vec<(Series, f64)>| {
        for ((_, labels), _) in &mut series {
            for (_, bound) in labels.iter_mut().filter(|(name, _)| name == "le") {
                *bound = bound.parse::<f64>().unwrap().to_string();
            }
        }
        series.sort_by(|(one, _), (other, _)| one.cmp(other));
        series
    };
    let protobuf = body(Format::Protobuf);
    assert_eq!(sorted(series(&protobuf)), sorted(text));

    let all = families(&protobuf.chunks.concat());
    let family = |name: &str| all.iter().find(|family| family.name == name).unwrap();
    let refreshes = &family("amperity_refreshes_total").metric[0];
    let created = refreshes.counter.as_ref().unwrap().created.clone().unwrap();
    assert!(created.seconds >= before.as_second());
    let durations = &family("amperity_api_request_duration_seconds").metric[0];
    let histogram = durations.histogram.as_ref().unwrap();
    assert_eq!(histogram.created.as_ref(), Some(&created));
    let process = &family("process_cpu_seconds_total").metric[0];
    assert_eq!(process.counter.as_ref().unwrap().created, None);
}

#[test]
fn a_native_histogram_is_written_in_spans_and_differences() {
    let mut feed = documented_feed();
    let totals = &mut feed.totals;
    // Two neighbours, one alone, and one that took no time.
    for (seconds, runs) in [(0.0, 2), (60.0, 7), (64.5, 3), (3600.0, 300)] {
        totals.duration_histogram.add(seconds, runs);
    }
    totals.durations = totals.duration_histogram.count();
    let page = page(&[snapshot("socktown", vec![], vec![feed])]);
    let body = page.body(Format::Protobuf, Encoding::Identity, &Gathered::default());
    let families = families(&body.chunks.concat());
    let mut families = families.iter();
    let durations = families.find(|family| family.name == "amperity_feed_run_duration_seconds");
    let histogram = durations.unwrap().metric[0].histogram.as_ref().unwrap();
    assert_eq!((histogram.count, histogram.zero_count), (313, 2));
    let buckets = histogram.native_buckets();
    assert_eq!(buckets, [(13, 1), (48, 7), (49, 3), (95, 300)]);
    assert_eq!(histogram.positive_span.len(), 3);
}
