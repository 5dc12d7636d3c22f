//! Single lines and numbers.

use super::*;

#[test]
fn an_undocumented_state_has_a_series_beside_the_documented_ones() {
    let mut job = documented_job();
    job.tables[0].state = State::parse("Paused");
    let page = read(&page(&[snapshot("t", vec![job], vec![])]), Format::Text);
    let states: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("amperity_ingest_state{"))
        .collect();
    assert_eq!(states.len(), 12);
    assert_eq!(states.iter().filter(|line| line.ends_with(" 1")).count(), 1);
    assert!(states[11].ends_with("state=\"paused\"} 1"));
}

#[test]
fn unknown_values_have_no_series() {
    let mut job = documented_job();
    job.workflow_id = None;
    let table = &mut job.tables[0];
    table.state = None;
    table.rows = Rows::default();
    table.started_at = None;
    table.ended_at = None;
    table.files = Files::default();
    let page = read(&page(&[snapshot("t", vec![job], vec![])]), Format::Text);
    let ingest: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("amperity_ingest_"))
        .collect();
    assert_snapshot!(ingest.join("\n"), @r#"
    amperity_ingest_files{tenant="t",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 0
    amperity_ingest_job_info{tenant="t",job_id="isj-1f73r9u2",workflow_id="",workflow=""} 1
    "#);
}

#[test]
fn label_values_are_escaped_and_otherwise_unchanged() {
    let mut job = documented_job();
    job.tables[0].table = "say \"hi\"\\\n🧦".into();
    let page = read(&page(&[snapshot("t", vec![job], vec![])]), Format::Text);
    assert!(page.contains(r#"table="say \"hi\"\\\n🧦",feed="#));
}

#[test]
fn numbers_are_exact_and_short() {
    use super::super::text::Value;
    let written = |value: Value| {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written(Value::Count(1 << 53)), "9007199254740992");
    assert_eq!(written(Value::Milliseconds(3000)), "3");
    assert_eq!(
        written(Value::Milliseconds(1_717_214_574_433)),
        "1717214574.433"
    );
    assert_eq!(written(Value::Milliseconds(1_050)), "1.05");
    assert_eq!(written(Value::Milliseconds(7)), "0.007");
    assert_eq!(written(Value::Milliseconds(-1_500)), "-1.5");
    assert_eq!(written(Value::Float(0.1 + 0.2)), "0.30000000000000004");
    assert_eq!(written(Value::Float(12.0)), "12");
    assert_eq!(written(Value::Float(f64::INFINITY)), "+Inf");
    assert_eq!(written(Value::Float(f64::NEG_INFINITY)), "-Inf");
    assert_eq!(written(Value::Float(f64::NAN)), "NaN");
    assert_eq!(written(Value::Float(1e-7)).parse(), Ok(1e-7));
    assert_eq!(written(Value::Float(1e300)).parse(), Ok(1e300));
}

#[test]
fn large_pieces_are_shared_and_small_ones_joined() {
    let jobs = (0..3000).map(|number| Job {
        id: format!("isj-{number:05}").into(),
        ..documented_job()
    });
    let page = page(&[snapshot("t", jobs.collect(), vec![])]);
    let body = page.body(Format::Text, Encoding::Identity, &Gathered::default());
    assert!(body.chunks.len() < 64, "{} chunks", body.chunks.len());
    let compressed = page.body(Format::Text, Encoding::Gzip, &Gathered::default());
    assert!(
        compressed.length() * 10 < body.length(),
        "{} bytes",
        compressed.length()
    );
    assert_eq!(gunzip(&compressed), body.chunks.concat());
}
