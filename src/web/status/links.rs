//! The addresses of the pages.

use crate::feeds::Feed;
use crate::web::query::encode;

pub(super) fn tenant(tenant: &str) -> String {
    format!("/?tenant={}", encode(tenant))
}

pub(super) fn jobs(tenant: &str) -> String {
    format!("/?tenant={}&show=jobs", encode(tenant))
}

pub(super) fn feed(tenant: &str, feed: &Feed) -> String {
    let (table, feed) = (encode(&feed.table), encode(&feed.feed));
    format!("/?tenant={}&table={table}&feed={feed}", encode(tenant))
}

/// A numbered page, from 0; `link` is that of the first.
pub(super) fn page(link: &str, page: usize) -> String {
    let separator = if link.contains('?') { '&' } else { '?' };
    match page {
        0 => link.to_owned(),
        _ => format!("{link}{separator}page={}", page + 1),
    }
}
