//! Bodies that are made at most ten times a second.
//!
//! A scrape adds the exporter's own series to the published page. Gathering and
//! writing them takes some hundred microseconds, so scrapes
//! that come within [`RESOLUTION`] of each other, for the same published page
//! in the same format and coding, share one body. The exporter's own series
//! are therefore up to that old; everything else is as it was published.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::exposition::{Body, Encoding, Format, Page};

/// The age up to which a body is shared.
pub(super) const RESOLUTION: Duration = Duration::from_millis(100);

/// The body of each format and coding, for a moment.
#[derive(Debug, Default)]
pub(super) struct Fresh(Arc<Mutex<[Slot; 4]>>);

/// A body and the page it was made from.
type Slot = Option<(Arc<Page>, Body)>;

impl Fresh {
    /// The body made from `page` a moment ago, or else the one `make` makes.
    /// Scrapes that come meanwhile wait for it rather than make their own.
    pub(super) fn get_or_make(
        &self,
        page: Arc<Page>,
        format: Format,
        encoding: Encoding,
        make: impl FnOnce(&Page) -> Body,
    ) -> Body {
        let index = match (format, encoding) {
            (Format::Text, Encoding::Identity) => 0,
            (Format::Text, Encoding::Gzip) => 1,
            (Format::OpenMetrics, Encoding::Identity) => 2,
            (Format::OpenMetrics, Encoding::Gzip) => 3,
        };
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, body)) = &slots[index]
            && Arc::ptr_eq(of, &page)
        {
            return body.clone();
        }
        let body = make(&page);
        slots[index] = Some((page, body.clone()));
        drop(slots);
        // A page that is no longer published must not be kept in memory until
        // somebody asks again.
        let slots = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(RESOLUTION).await;
            slots.lock().unwrap_or_else(PoisonError::into_inner)[index] = None;
        });
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &'static str) -> Body {
        Body::new(vec![text.into()], "text/plain")
    }

    #[tokio::test(start_paused = true)]
    async fn scrapes_within_a_moment_share_one_body_until_another_page_is_published() {
        let fresh = Fresh::default();
        let page = Arc::new(Page::assemble(&[]));
        let get = |page: &Arc<Page>, encoding, text| {
            let made = |_: &Page| body(text);
            let body = fresh.get_or_make(Arc::clone(page), Format::Text, encoding, made);
            body.length()
        };
        assert_eq!(get(&page, Encoding::Gzip, "1"), 1);
        assert_eq!(get(&page, Encoding::Gzip, "22"), 1);
        assert_eq!(get(&page, Encoding::Identity, "333"), 3);
        let published = Arc::new(Page::assemble(&[]));
        assert_eq!(get(&published, Encoding::Gzip, "4444"), 4);
        assert_eq!(get(&published, Encoding::Gzip, "55555"), 4);
        tokio::time::sleep(RESOLUTION * 2).await;
        assert_eq!(get(&published, Encoding::Gzip, "666666"), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_not_kept_longer_than_a_moment() {
        let fresh = Fresh::default();
        let page = Arc::new(Page::assemble(&[]));
        let weak = Arc::downgrade(&page);
        fresh.get_or_make(page, Format::Text, Encoding::Gzip, |_| body("1"));
        tokio::time::sleep(RESOLUTION * 2).await;
        assert!(weak.upgrade().is_none());
    }
}
