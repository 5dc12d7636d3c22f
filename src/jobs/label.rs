//! Bounds the strings that become label values, so that the size of a page
//! depends on the number of its series alone.

use std::borrow::Cow;

use crate::wire::{self, Text};

/// The size limit of a label value, in bytes.
pub(crate) const MAX_BYTES: usize = 1024;

/// The text, or if it is too long its beginning and a hash of all of it, so
/// that two different texts stay different.
pub(crate) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_BYTES {
        return Cow::Borrowed(text);
    }
    let hash = format!("~{:016x}", fnv1a(text.as_bytes()));
    let end = text.floor_char_boundary(MAX_BYTES - hash.len());
    let beginning = text.get(..end).unwrap_or_default();
    Cow::Owned(format!("{beginning}{hash}"))
}

/// The 64-bit FNV-1a hash. The state file holds label values, so the hash must
/// not differ between versions, as the standard library's may.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How many of a job's strings are too long to be label values as they are.
pub(crate) fn count_too_long(job: &wire::Job<'_>) -> u64 {
    let of_tables = job.tables.0.iter().map(|table| {
        let files = table.files.0.iter();
        let of_files = files.map(|file| too_long(&file.file_id) + too_long(&file.name));
        let of_table = [&table.table_name, &table.feed_id, &table.state].map(too_long);
        of_table.iter().sum::<u64>() + of_files.sum::<u64>()
    });
    too_long(&job.id) + too_long(&job.workflow_id) + of_tables.sum::<u64>()
}

/// 1 for a string that is too long to be a label value as it is.
pub(super) fn too_long(text: &Text<'_>) -> u64 {
    let length = text.as_deref().map_or(0, str::len);
    u64::from(length > MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_marked_with_a_hash() {
        let short = "x".repeat(MAX_BYTES);
        assert_eq!(bounded(&short), short);
        for letter in ["x", "é", "🧦"] {
            let long = letter.repeat(MAX_BYTES + 1);
            let cut = bounded(&long);
            assert!((MAX_BYTES - 3..=MAX_BYTES).contains(&cut.len()));
            let (beginning, hash) = cut.rsplit_once('~').unwrap();
            assert!(long.starts_with(beginning));
            assert_eq!(hash.len(), 16);
        }
    }

    #[test]
    fn long_texts_that_differ_only_at_the_end_stay_different() {
        let long = "x".repeat(1_000_000);
        let (one, two) = (format!("{long}1"), format!("{long}2"));
        assert_ne!(bounded(&one), bounded(&two));
        assert_eq!(bounded(&one), bounded(&one.clone()));
    }

    #[test]
    fn every_string_of_a_job_is_bounded_and_counted() {
        let long = "y".repeat(5000);
        let answer = format!(
            r#"{{"id":"{long}","workflow_id":"{long}","tables":[{{"table_name":"{long}",
            "feed_id":"{long}","state":"{long}","files":[{{"file_id":"{long}"}},{{"name":"{long}"}}]}}]}}"#
        );
        let read = |job: &wire::Job<'_>| (count_too_long(job), super::super::Job::from_wire(job));
        let (too_long, job) = wire::read_job(answer.as_bytes(), read).unwrap();
        assert_eq!(too_long, 7);
        let job = job.unwrap();
        let table = &job.tables[0];
        let state = table.state.as_ref().unwrap().as_str();
        let workflow = job.workflow_id.as_deref().unwrap();
        let texts = [&*job.id, workflow, &table.table, &table.feed, state];
        let files = table.files.entries.iter().map(|file| &*file.file);
        for text in texts.into_iter().chain(files) {
            assert_eq!(text.len(), MAX_BYTES);
        }
    }
}
