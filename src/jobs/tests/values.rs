//! Times, counts and states, each in every spelling.

use super::*;

#[test]
fn a_time_is_read_in_every_iso_spelling_and_otherwise_absent() {
    let read = |text: &str| table(&format!(r#""started_at":"{text}""#)).started_at;
    let expected = time("2024-06-01T04:02:54.433Z");
    assert_eq!(read("2024-06-01T04:02:54.433Z"), expected);
    assert_eq!(read("2024-06-01T04:02:54.433999999Z"), expected);
    assert_eq!(read("2024-06-01T06:02:54.433+02:00"), expected);
    assert_eq!(read("2024-06-01T04:02:54.433"), expected);
    assert_eq!(read("2024-06-01"), time("2024-06-01T00:00:00Z"));
    for none in [
        "",
        "soon",
        "1717214574",
        "2024-13-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "-009999-01-01T00:00:00Z",
        "99999-01-01T00:00:00Z",
    ] {
        assert_eq!(read(none), None, "{none}");
    }
}

#[test]
fn a_count_is_a_whole_number_that_a_sample_can_hold_or_nothing() {
    let read = |text: &str| table(&format!(r#""read":{text}"#)).rows.read;
    assert_eq!(read("0"), Some(0));
    assert_eq!(read("1e3"), Some(1000));
    assert_eq!(read("1000.0"), Some(1000));
    assert_eq!(read("9007199254740992"), Some(MAX_COUNT));
    for none in [
        "null",
        "-1",
        "-1e3",
        "0.5",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "1e300",
        "\"7\"",
        "true",
        "[7]",
        "{}",
    ] {
        assert_eq!(read(none), None, "{none}");
    }
    assert_eq!(table("").rows, Rows::default());
}

#[test]
fn counts_whose_sum_no_sample_can_hold_become_nothing() {
    let large = format!(r#""read":{MAX_COUNT},"errors":null"#);
    let rows = job_of(&[&large, r#""read":1,"errors":2"#]).tables[0].rows;
    assert_eq!((rows.read, rows.errors), (None, Some(2)));
}

#[test]
fn a_state_is_read_in_any_spelling_and_an_undocumented_one_kept() {
    let read = |text: &str| table(&format!(r#""state":{text}"#)).state;
    let other = |name: &str| Some(State::Other(name.into()));
    assert_eq!(read(r#""In Progress""#), Some(State::InProgress));
    assert_eq!(read(r#""in-progress""#), Some(State::InProgress));
    assert_eq!(read(r#""CANCELED""#), Some(State::Canceled));
    assert_eq!(
        read(r#"" Waiting for Approval! ""#),
        other("waiting_for_approval")
    );
    assert_eq!(read(r#""a\"b\nc\\""#), other("a_b_c"));
    assert_eq!(read(r#""Überprüft""#), other("überprüft"));
    assert_eq!(read(r#""İptal""#), other("i_ptal"));
    for none in ["null", "7", "\"\"", "\" - \"", "[\"running\"]", "{}"] {
        assert_eq!(read(none), None, "{none}");
    }
}

#[test]
fn every_documented_state_is_read_back_from_its_label() {
    for state in State::KNOWN {
        assert_eq!(State::parse(state.as_str()), Some(state.clone()));
        assert_eq!(State::parse(&state.as_str().to_uppercase()), Some(state));
    }
}
