//! The pieces in which a window is listed.

use proptest::prelude::*;

use super::*;

fn week() -> Window {
    Window {
        from: ago(DAY * 7),
        to: now(),
        full: true,
    }
}

/// Discovery whose pieces were shortened this many times by answers that were
/// too large, with a week to list.
fn shortened(times: usize) -> Discovery {
    let mut discovery = Discovery::default();
    discovery.add(week());
    for _ in 0..times {
        let piece = discovery.next().unwrap();
        discovery.failed(piece, Reason::TooLarge);
    }
    discovery
}

/// Lists the whole backlog; returns the number of requests.
fn list_all(discovery: &mut Discovery) -> usize {
    let mut requests = 0;
    while let Some(piece) = discovery.next() {
        discovery.listed(piece, now());
        requests += 1;
    }
    requests
}

#[test]
fn pieces_grow_again_after_successes() {
    let mut discovery = shortened(9);
    assert_eq!(discovery.piece_length(), Some(Duration::from_hours(1)));
    let requests = list_all(&mut discovery);
    assert!(requests < 40, "{requests} requests for the first week");
    for _ in 0..10 {
        discovery.add(week());
        list_all(&mut discovery);
    }
    assert_eq!(discovery.piece_length(), None);
}

#[test]
fn longer_pieces_that_fail_again_and_again_are_tried_less_often() {
    let mut discovery = shortened(3);
    let fits = discovery.piece_length().unwrap();
    let mut failures = 0;
    for _ in 0..100 {
        discovery.add(week());
        while let Some(piece) = discovery.next() {
            if piece.to.duration_since(piece.from).unsigned_abs() > fits {
                discovery.failed(piece, Reason::TooLarge);
                failures += 1;
            } else {
                discovery.listed(piece, now());
            }
        }
    }
    assert!((5..25).contains(&failures), "{failures} of 800 requests");
}

#[test]
fn a_piece_that_is_not_listed_stays_in_the_backlog_and_newer_ones_come_first() {
    let mut discovery = shortened(1);
    let newest = discovery.next().unwrap();
    discovery.listed(newest, now());
    assert!(!discovery.is_complete() && discovery.last_full.is_none());
    assert_eq!(discovery.listed_to, Some(now()));
    let recent = Window {
        from: ago(minutes(5)),
        to: now() + minutes(5),
        full: false,
    };
    discovery.add(recent);
    assert_eq!(discovery.next(), Some(recent));
    discovery.listed(recent, now());
    let older = discovery.next().unwrap();
    assert_eq!((older.from, older.to), (week().from, newest.from));
    discovery.listed(older, now());
    assert!(discovery.is_complete());
    assert_eq!(discovery.last_full, Some(now()));
}

#[test]
fn a_window_that_failed_is_replaced_by_the_next_one() {
    let mut discovery = Discovery::default();
    for minute in 0..100 {
        discovery.add(Window {
            to: now() + minutes(minute),
            ..week()
        });
        let piece = discovery.next().unwrap();
        assert_eq!(discovery.failed(piece, Reason::ServerError), None);
    }
    // The last minutes of the longest window are beyond one request.
    assert!(list_all(&mut discovery) <= 2);
}

proptest! {
    #[test]
    fn the_pieces_of_a_window_are_all_of_it_none_empty_and_none_too_long(
        length in 61_u64..=7 * 24 * 60,
        times in 0_usize..10,
    ) {
        let mut discovery = shortened(times);
        let longest = discovery.piece_length().unwrap_or(MAX_WINDOW);
        let window = Window { from: ago(minutes(length)), to: now(), full: true };
        let mut discovery_of = |window: Window| {
            discovery.add(Window { from: week().from, ..window });
            discovery.add(window);
            let mut pieces = Vec::new();
            // Not noted as listed, so that the length stays.
            while let Some(piece) = discovery.next() {
                pieces.push(piece);
            }
            pieces
        };
        let pieces = discovery_of(window);
        prop_assert_eq!(pieces.first().map(|piece| piece.to), Some(window.to));
        prop_assert_eq!(pieces.last().map(|piece| piece.from), Some(week().from));
        prop_assert!(pieces.windows(2).all(|pair| pair[0].from == pair[1].to));
        let fits = |one: &Window| one.from < one.to && one.to <= one.from + longest;
        prop_assert!(pieces.iter().all(fits));
    }
}
