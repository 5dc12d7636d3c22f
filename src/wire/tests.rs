//! Answers that are not quite JSON.

use proptest::prelude::*;

use super::*;

/// The ids of the jobs of a list; `-` for what is no job.
fn ids(text: &[u8]) -> Vec<String> {
    let mut ids = Vec::new();
    let read = read_list(text, |job| {
        let id = job.and_then(|job| job.id.as_deref());
        ids.push(id.unwrap_or("-").to_owned());
    });
    read.unwrap();
    ids
}

fn list(entry: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 3] = [
        br#"{"data":[{"id":"a"},"#,
        entry,
        br#",{"id":"z"}],"total":3}"#,
    ];
    parts.concat()
}

#[test]
fn bad_text_in_a_string_becomes_a_replacement_character() {
    let strings: [(&[u8], &str); 10] = [
        (b"\xdfa", "\u{fffd}a"),
        (b"a\xe2\x82", "a\u{fffd}"),
        (b"a\x01b\nc", "a\u{fffd}b\u{fffd}c"),
        (br"\udc00x", "\u{fffd}x"),
        (br"\ud83dx", "\u{fffd}x"),
        (br"\ud83d\ud83d\udca9", "\u{fffd}\u{1f4a9}"),
        (br"\xa\u12", "\u{fffd}xa\u{fffd}12"),
        (b"\xdf\\\"\\\\", "\u{fffd}\"\\"),
        (b"\xdf\\u0041\\n", "\u{fffd}A\n"),
        (b"\xdf\xf0\x9f\x92\xa9", "\u{fffd}\u{1f4a9}"),
    ];
    for (string, expected) in strings {
        let parts: [&[u8]; 3] = [br#"{"id":"b","unknown":{"x":[""#, string, b"\"]},"];
        let unknown = [&parts.concat(), &br#""tables":[]}"#[..]].concat();
        assert_eq!(ids(&list(&unknown)), ["a", "b", "z"], "{expected:?}");
        let named = [b"{\"id\":\"", string, b"\"}"].concat();
        assert_eq!(ids(&list(&named)), ["a", expected, "z"]);
        let id = read_job(&named, |job| job.id.as_deref().map(str::to_owned));
        assert_eq!(id.unwrap().as_deref(), Some(expected));
    }
}

#[test]
fn an_entry_that_cannot_be_read_costs_no_other() {
    let deep = format!("{{\"id\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for entry in [
        &br#"{"id":nonsense}"#[..],
        br#"{"id":"b" "c"}"#,
        br#"{"id":"b",}"#,
        br#"{"id":NaN}"#,
        b"null",
        b"[]",
        b"",
        b"\xff",
        br#""data""#,
        br#"{"id":01}"#,
        deep.as_bytes(),
    ] {
        let text = list(entry);
        assert_eq!(
            ids(&text),
            ["a", "-", "z"],
            "{:?}",
            String::from_utf8_lossy(entry)
        );
    }
}

#[test]
fn a_list_that_does_not_hold_together_is_an_error() {
    let whole = list(br#"{"id":nonsense}"#);
    for end in 0..whole.len() {
        assert!(read_list(&whole[..end], |_| {}).is_err(), "{end}");
    }
    for text in [
        &br#"{"data":[{"id":"a"}]}}"#[..],
        br#"{"data":[{"id":"a"]]}"#,
        br#"{"data":7}"#,
        br#"{"jobs":[]}"#,
        br#"[{"data":[]}]"#,
        b"[[]]",
        b"<html>",
        b"",
    ] {
        assert!(
            read_list(text, |_| {}).is_err(),
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }
    assert_eq!(
        ids(br#"{"x":{"data":[7]},"data":[ ] }"#),
        Vec::<String>::new()
    );
}

proptest! {
    #[test]
    fn what_was_repaired_is_read_as_it_was_where_it_was_good(text in ".{0,40}", bad in any::<u8>()) {
        let quoted = serde_json::to_vec(&text).unwrap();
        prop_assert_eq!(repair::repaired(&quoted), quoted.clone());
        let mut broken = quoted.clone();
        broken.insert(quoted.len() / 2, bad);
        let _ = repair::repaired(&broken);
        let _ = repair::entries(&broken);
    }

    #[test]
    fn no_bytes_stop_the_reader(text in prop::collection::vec(prop_oneof![
        Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','),
        Just(b'u'), Just(b'd'), Just(b'8'), any::<u8>()], 0..60)) {
        let _ = read_job(&text, |_| ());
        let _ = read_list(&[b"{\"data\":[", &text[..], b"]}"].concat(), |_| {});
    }
}
