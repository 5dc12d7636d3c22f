//! What is rendered again after a refresh.

use super::*;
use crate::exposition::compress::Compressors;

/// Jobs that are split into several sections.
fn large() -> Snapshot {
    let jobs = (0..6000).map(|number| Job {
        id: format!("isj-{number:05}").into(),
        ..documented_job()
    });
    let feeds = (0..1500).map(|number| Feed {
        feed: format!("df-{number:05}").into(),
        ..documented_feed()
    });
    snapshot("socktown", jobs.collect(), feeds.collect())
}

/// The addresses of all pieces in text.
fn pieces(rendered: &RenderedSnapshot) -> Vec<*const u8> {
    let mut compressors = Compressors::default();
    let sections = rendered.pieces(Format::Text, Encoding::Identity, &mut compressors);
    let pieces = sections.flat_map(|pieces| {
        let addresses = pieces.iter().map(|piece| piece.encoded.as_ptr());
        addresses.collect::<Vec<_>>()
    });
    pieces.collect()
}

/// How many pieces after a change were there before, and how many were not.
fn kept_and_new(change: impl FnOnce(&mut Snapshot)) -> (usize, usize) {
    let before = rendered(large(), None);
    let old = pieces(&before);
    let mut changed = Snapshot::clone(before.snapshot());
    change(&mut changed);
    let after = rendered(changed.clone(), Some(&before));
    let new = pieces(&after);
    let kept = new.iter().filter(|piece| old.contains(piece)).count();
    let texts = [Page::new(vec![after]), page(&[changed])].map(|page| read(&page, Format::Text));
    assert!(texts[0] == texts[1], "the page is not that of the snapshot");
    (kept, new.len() - kept)
}

#[test]
fn a_refresh_without_changes_renders_only_the_status_of_the_tenant() {
    let (kept, new) = kept_and_new(|snapshot| {
        snapshot.status.refresh_duration = Some(Duration::from_millis(99));
        // Equal, but not the same in memory.
        snapshot.jobs = large().jobs;
    });
    assert!(kept > 100, "{kept}");
    assert_eq!(new, 8, "the families of the status");
}

#[test]
fn a_job_that_changes_comes_or_goes_renders_its_section_only() {
    let (kept, new) = kept_and_new(|snapshot| {
        let jobs = Arc::make_mut(&mut snapshot.jobs);
        Arc::make_mut(&mut jobs[3000]).tables[0].state = Some(State::Failed);
    });
    assert!(kept > 3 * new, "{kept} {new}");
    for index in [0, 3000] {
        let (kept, new) = kept_and_new(|snapshot| {
            let mut jobs = snapshot.jobs.to_vec();
            jobs.remove(index);
            snapshot.jobs = jobs.into();
        });
        assert!(kept > 3 * new, "{index}: {kept} {new}");
    }
    let (kept, new) = kept_and_new(|snapshot| {
        let mut jobs = snapshot.jobs.to_vec();
        let id = "isj-06000".into();
        let job = Job {
            id,
            ..documented_job()
        };
        jobs.push(Arc::new(job));
        snapshot.jobs = jobs.into();
    });
    assert!(kept > 3 * new, "{kept} {new}");
}

#[test]
fn a_feed_that_changes_renders_its_section_only() {
    let (kept, new) = kept_and_new(|snapshot| {
        Arc::make_mut(&mut snapshot.feeds)[700].totals.read += 1;
    });
    assert!(kept > 2 * new, "{kept} {new}");
}

#[test]
fn a_name_of_a_workflow_that_changes_renders_what_shows_it() {
    let id: Arc<str> = documented_job().workflow_id.unwrap();
    let (_, new) = kept_and_new(|snapshot| {
        snapshot.workflow_names = Arc::new([(id, "Daily".into())].into());
    });
    assert!(new > 60, "{new}");
}

#[test]
fn other_settings_render_everything() {
    let (kept, _) = kept_and_new(|snapshot| snapshot.files = false);
    assert_eq!(kept, 0);
    let (kept, _) = kept_and_new(|snapshot| snapshot.created_series = true);
    assert_eq!(kept, 0);
}

#[tokio::test(start_paused = true)]
async fn samples_in_forms_that_are_not_requested_any_more_are_freed() {
    let rendered = rendered(large(), None);
    let first = Page::new(vec![Arc::clone(&rendered)]);
    let forms = [Encoding::Identity, Encoding::Gzip];
    let request = |page: &Page, encoding| {
        drop(page.body(Format::Protobuf, encoding, &Gathered::default()));
    };
    for encoding in forms {
        request(&first, encoding);
    }
    let are_kept = || forms.map(|encoding| rendered.is_rendered(Format::Protobuf, encoding));
    let second = first.succeeded_by(vec![Arc::clone(&rendered)]);
    assert_eq!(are_kept(), [true, true]);
    tokio::time::advance(Duration::from_mins(9)).await;
    request(&second, Encoding::Gzip);
    tokio::time::advance(Duration::from_mins(9)).await;
    let third = second.succeeded_by(vec![Arc::clone(&rendered)]);
    assert_eq!(are_kept(), [false, true]);
    tokio::time::advance(Duration::from_mins(9)).await;
    let _ = third.succeeded_by(vec![Arc::clone(&rendered)]);
    assert_eq!(are_kept(), [false, false]);
}

#[test]
fn what_is_requested_of_some_tenants_is_rendered_in_advance() {
    let tenant = rendered(large(), None);
    let first = Page::default();
    let some = first.with_tenants(vec![Arc::clone(&tenant)]);
    let _ = some.body(Format::Text, Encoding::Zstd, &Gathered::default());
    let refreshed = rendered(large(), None);
    let _ = first.succeeded_by(vec![Arc::clone(&refreshed)]);
    assert!(refreshed.is_rendered(Format::Text, Encoding::Zstd));
    assert!(!refreshed.is_rendered(Format::Text, Encoding::Identity));
}
