//! The addresses of the pages, relative to the status page: a proxy may serve it
//! below a prefix.

use crate::feeds::Feed;
use crate::web::query::encode;

/// The page of all tenants.
pub(super) const OVERVIEW: &str = "./";

pub(super) fn tenant(tenant: &str) -> String {
    format!("?tenant={}", encode(tenant))
}

pub(super) fn jobs(tenant: &str) -> String {
    format!("?tenant={}&show=jobs", encode(tenant))
}

pub(super) fn feed(tenant: &str, feed: &Feed) -> String {
    let (table, feed) = (encode(&feed.table), encode(&feed.feed));
    format!("?tenant={}&table={table}&feed={feed}", encode(tenant))
}

/// A numbered page, from 0; `link` is that of the first.
pub(super) fn page(link: &str, page: usize) -> String {
    let separator = if link.contains('?') { '&' } else { '?' };
    match page {
        0 => link.to_owned(),
        _ => format!("{link}{separator}page={}", page + 1),
    }
}
