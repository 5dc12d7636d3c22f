//! Properties of every page, whatever the API sends.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::exposition::parser::{Series, parse};
use crate::telemetry::NativeHistogram;

/// Any text, and often one of few, so that labels meet again.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[ab]",
        2 => "[\"\\\\\n,={} #a🧦]{0,6}",
        1 => ".{0,12}",
    ]
}

fn state() -> impl Strategy<Value = Option<State>> {
    option::of(prop_oneof![
        4 => proptest::sample::select(State::KNOWN.to_vec()),
        1 => label().prop_filter_map("no state", |name| State::parse(&name)),
    ])
}

fn when() -> impl Strategy<Value = Option<Timestamp>> {
    option::of((1..4_000_000_000_000_i64).prop_map(time))
}

fn count() -> impl Strategy<Value = Option<u64>> {
    option::of(0..=crate::jobs::MAX_COUNT)
}

prop_compose! {
    fn rows()(read in count(), inserted in count(), updated in count(), rejected in count(), errors in count()) -> Rows {
        Rows { read, inserted, updated, rejected, errors }
    }
}

prop_compose! {
    fn table()(
        state in state(), rows in rows(), started_at in when(), ended_at in when(),
        files in btree_map(label(), (count(), count()), 0..3),
    ) -> Table {
        let files = files.into_iter().map(|(file, (read, errors))| File { file: file.into(), read, errors });
        Table {
            table: "".into(), feed: "".into(), state, finished: ended_at.is_some(), rows,
            started_at, ended_at, files: files.collect::<Vec<_>>().into(),
        }
    }
}

prop_compose! {
    fn job()(
        workflow in option::of(label()),
        tables in btree_map((label(), label()), table(), 0..4),
    ) -> Job {
        let tables = tables.into_iter().map(|((table, feed), rest)| Table {
            table: table.into(), feed: feed.into(), ..rest
        });
        Job { id: "".into(), workflow_id: workflow.map(Into::into), tables: tables.collect(), merged: 0, failure: None }
    }
}

prop_compose! {
    fn feed()(
        state in state(), running_since in when(), last_success in when(),
        last_run in option::of((rows(), 0..9_u64, when(), when())),
        runs in vec((state(), 0..9_u64), 0..4), created in 1..4_000_000_000_000_i64,
        totals in any::<[u32; 6]>(), durations in vec(0.0..1e9_f64, 0..9),
    ) -> Feed {
        let [read, inserted, updated, rejected, errors, duration_ms] = totals.map(u64::from);
        let mut duration_histogram = NativeHistogram::default();
        for duration in durations {
            duration_histogram.observe(duration);
        }
        let durations = duration_histogram.count();
        let runs = runs.into_iter().filter_map(|(state, count)| Some((state?, count))).collect();
        Feed {
            table: "".into(), feed: "".into(), state, running_since, last_success,
            last_run: last_run.map(|(rows, files, started_at, ended_at)| Arc::new(Run {
                job: "isj-1".into(), ordered_at: time(created), started_at, ended_at, state: None, rows,
                files, workflow_id: None,
            })),
            recent_runs: Arc::default(), failures_since_success: 0,
            expected: crate::expectations::Expected::default(), rule: None,
            totals: Totals { runs, read, inserted, updated, rejected, errors, duration_ms, durations, duration_histogram },
            failures: Failures::default(),
            created: time(created),
        }
    }
}

prop_compose! {
    fn one_snapshot()(
        jobs in btree_map(label(), job(), 0..4),
        feeds in btree_map((label(), label()), feed(), 0..3),
        configured in btree_map(label(), any::<bool>(), 0..3),
        times in [when(), when(), when(), when()],
        micros in option::of(any::<u32>()),
        files in any::<bool>(),
        created_series in any::<bool>(),
        up in any::<bool>(),
    ) -> Snapshot {
        let [last_success, token_expiry, deprecation, sunset] = times;
        let refresh_duration = micros.map(|micros| Duration::from_micros(micros.into()));
        Snapshot {
            tenant: "".into(),
            status: Status {
                up, last_success, refresh_duration, token_expiry, deprecation, sunset,
                ..Status::default()
            },
            jobs: jobs.into_iter().map(|(id, job)| Arc::new(Job { id: id.into(), ..job })).collect(),
            configured: configured.into_iter().map(|(id, up)| (id.into(), up)).collect(),
            feeds: feeds.into_iter().map(|((table, feed), rest)| Feed {
                table: table.into(), feed: feed.into(), ..rest
            }).collect(),
            workflows: [].into(),
            workflow_names: Arc::default(), ui_url: None,
            files,
            created_series,
        }
    }
}

fn snapshots() -> impl Strategy<Value = Vec<Snapshot>> {
    btree_map(label(), one_snapshot(), 0..4).prop_map(|tenants| {
        let named = tenants.into_iter().map(|(tenant, rest)| Snapshot {
            tenant: tenant.into(),
            ..rest
        });
        named.collect()
    })
}

fn series(page: &str, format: Format) -> BTreeMap<Series, String> {
    let samples = parse(page, format).unwrap_or_else(|error| panic!("{error}\n{page}"));
    samples
        .into_iter()
        .map(|(series, value)| (series, value.to_string()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_page_is_valid_and_means_the_same_in_all_formats(snapshots in snapshots()) {
        let page = page(&snapshots);
        let text = series(&read(&page, Format::Text), Format::Text);
        let mut open_metrics = series(&read(&page, Format::OpenMetrics), Format::OpenMetrics);
        let mut open_metrics_2 = series(&read(&page, Format::OpenMetrics2), Format::OpenMetrics2);
        if snapshots.iter().all(|snapshot| snapshot.created_series) {
            prop_assert_eq!(&open_metrics, &open_metrics_2);
        }
        for page in [&mut open_metrics, &mut open_metrics_2] {
            page.retain(|(name, _), _| !name.ends_with("_created"));
            prop_assert_eq!(&text, &*page);
        }
        let protobuf = protobuf::series(&page.body(Format::Protobuf, Encoding::Identity, &Gathered::default()));
        let protobuf: BTreeMap<_, _> = protobuf.into_iter().map(|(series, value)| (series, value.to_string())).collect();
        prop_assert_eq!(&text, &protobuf);
    }

    #[test]
    fn tenants_on_one_page_have_the_series_they_have_alone(snapshots in snapshots()) {
        let together = series(&read(&page(&snapshots), Format::Text), Format::Text);
        let mut alone = BTreeMap::new();
        for snapshot in snapshots {
            alone.extend(series(&read(&page(&[snapshot]), Format::Text), Format::Text));
        }
        prop_assert_eq!(together, alone);
    }

    #[test]
    fn compressed_pages_are_the_plain_page(snapshots in snapshots(), name in label(), tenants in 0..12) {
        let telemetry = Telemetry::new().unwrap();
        for number in 0..tenants {
            telemetry.tenant(&format!("{name}{number}")).refresh(None);
        }
        let own = telemetry.gather(|_| true);
        let page = page(&snapshots);
        for format in Format::ALL {
            let plain = page.body(format, Encoding::Identity, &own).chunks.concat();
            prop_assert_eq!(&gunzip(&page.body(format, Encoding::Gzip, &own)), &plain);
            prop_assert_eq!(&unzstd(&page.body(format, Encoding::Zstd, &own)), &plain);
            if format == Format::Protobuf {
                protobuf::families(&plain);
            } else if let Err(error) = parse(std::str::from_utf8(&plain).unwrap(), format) {
                prop_assert!(false, "{}", error);
            }
        }
    }

    #[test]
    fn a_page_after_another_is_the_page_alone(before in snapshots(), after in snapshots(), form in any::<u8>()) {
        let format = Format::ALL[usize::from(form) % 4];
        let encoding = Encoding::ALL[usize::from(form) / 4 % 3];
        let first = page(&before);
        let _ = first.body(format, encoding, &Gathered::default());
        let rendered_before: Vec<_> = before.iter().cloned().map(|snapshot| rendered(snapshot, None)).collect();
        let rendered = after.iter().cloned().map(|snapshot| {
            let previous = rendered_before.iter().find(|old| old.snapshot().tenant == snapshot.tenant);
            rendered(snapshot, previous.map(|previous| &**previous))
        });
        let second = first.succeeded_by(rendered.collect());
        let bytes = |page: &Page| page.body(format, encoding, &Gathered::default()).chunks.concat();
        prop_assert_eq!(bytes(&second), bytes(&page(&after)));
    }
}
