//! What holds for any answer whatever.

use proptest::prelude::*;

use super::*;

/// Any JSON value, the API's own field names among its keys.
fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let text = prop_oneof![
        any::<String>(),
        "[A-Za-z _-]{0,12}",
        Just("2024-06-01T04:02:54.433Z".to_owned()),
        Just("running".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop::sample::select(&[
        "id",
        "workflow_id",
        "tables",
        "feed_id",
        "table_name",
        "state",
        "read",
        "errors",
        "rejected",
        "inserted",
        "updated",
        "started_at",
        "ended_at",
        "files",
        "file_id",
        "name",
        "unknown",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..12).prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_object_with_an_id_is_a_job_of_distinct_tables(value in json(), tables in json()) {
        let mut value = value;
        if !value.is_object() {
            value = serde_json::json!({});
        }
        value["id"] = "isj-1".into();
        value["tables"] = tables;
        let text = value.to_string();
        let job = job(&text);
        let distinct: std::collections::BTreeSet<_> =
            job.tables.iter().map(|table| (&table.table, &table.feed)).collect();
        prop_assert_eq!(distinct.len(), job.tables.len());
        for table in &job.tables {
            prop_assert!(table.finished || table.ended_at.is_none());
            prop_assert!(table.rows.read.is_none_or(|rows| rows <= MAX_COUNT));
            prop_assert!(table.files.entries.is_sorted_by(|one, two| one.file < two.file));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(value in json(), cut in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let cut = &text.as_bytes()[..cut.index(text.len() + 1)];
        for text in [text.as_bytes(), cut] {
            let _ = wire::read_job(text, Job::from_wire);
        }
    }

    #[test]
    fn a_state_of_any_text_has_a_label_that_reads_back_as_itself(text: String) {
        if let Some(state) = State::parse(&text) {
            prop_assert!(!state.as_str().is_empty());
            prop_assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }
}
