//! Rendered pages, shared by requests that come close together.
//!
//! A page is rendered when it is first requested and shared for a short time or
//! until the data it shows is replaced. One page is rendered at a time, on a
//! blocking thread, and a limited number of them is in memory, including those
//! still being sent. However many clients request pages, they cost a fixed
//! amount of memory and at most one processor.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};

use crate::exposition::{Encoding, Format};
use crate::snapshot::Snapshot;

use super::body::Body;
use super::status::View;

/// What was requested.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A status page.
    Status(View),
    /// The metrics of these tenants.
    Metrics(Arc<BTreeSet<Arc<str>>>, Format, Encoding),
}

/// The data that a page shows.
type Snapshots = Vec<Arc<Snapshot>>;

/// Too many pages are being sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyPages;

#[derive(Debug)]
pub(super) struct PageCache {
    max_age: Duration,
    entries: Arc<Mutex<HashMap<Key, Entry>>>,
    in_memory: Arc<Semaphore>,
    rendering: Arc<Semaphore>,
}

#[derive(Clone, Debug)]
struct Entry {
    snapshots: Snapshots,
    body: Arc<OnceCell<Body>>,
}

impl PageCache {
    /// Shares a page for `max_age` and keeps `max_pages` in memory at most.
    pub(super) fn new(max_age: Duration, max_pages: usize) -> Self {
        Self {
            max_age,
            entries: Arc::default(),
            in_memory: Arc::new(Semaphore::new(max_pages)),
            rendering: Arc::new(Semaphore::new(1)),
        }
    }

    /// The page that was rendered from the same snapshots a moment ago, or else
    /// the one that `render` makes.
    ///
    /// # Errors
    /// If too many other pages are in memory.
    pub(super) async fn get_or_render(
        &self,
        key: Key,
        snapshots: Snapshots,
        render: impl FnOnce() -> Body + Send + 'static,
    ) -> Result<Body, TooManyPages> {
        let entry = self.entry(key, snapshots);
        let body = entry.body.get_or_try_init(|| async {
            let in_memory = Arc::clone(&self.in_memory)
                .try_acquire_owned()
                .map_err(|_| TooManyPages)?;
            let rendering = Arc::clone(&self.rendering).acquire_owned().await;
            let rendered = tokio::task::spawn_blocking(move || {
                let _one_at_a_time = rendering;
                render()
            });
            let body = rendered.await.map_err(|_| TooManyPages)?;
            Ok(body.holding(Arc::new(in_memory)))
        });
        Ok(body.await?.share())
    }

    fn entry(&self, key: Key, snapshots: Snapshots) -> Entry {
        let mut entries = lock(&self.entries);
        if let Some(entry) = entries.get(&key)
            && are_same(&entry.snapshots, &snapshots)
        {
            return entry.clone();
        }
        let entry = Entry {
            snapshots,
            body: Arc::default(),
        };
        entries.insert(key.clone(), entry.clone());
        drop(entries);
        // Removed by time rather than by the next request, so that replaced
        // data does not stay in memory.
        let (entries, body) = (Arc::clone(&self.entries), Arc::downgrade(&entry.body));
        let max_age = self.max_age;
        tokio::spawn(async move {
            tokio::time::sleep(max_age).await;
            let mut entries = lock(&entries);
            let is_same = |entry: &Entry| body.as_ptr() == Arc::as_ptr(&entry.body);
            if entries.get(&key).is_some_and(is_same) {
                entries.remove(&key);
            }
        });
        entry
    }
}

fn are_same(some: &[Arc<Snapshot>], others: &[Arc<Snapshot>]) -> bool {
    let mut pairs = some.iter().zip(others);
    some.len() == others.len() && pairs.all(|(one, other)| Arc::ptr_eq(one, other))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use hyper::body::Body as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn snapshots() -> Snapshots {
        vec![Arc::new(Snapshot::empty("socktown".into()))]
    }

    const MAX_AGE: Duration = Duration::from_secs(1);
    const MAX_PAGES: usize = 64;

    fn cache() -> PageCache {
        PageCache::new(MAX_AGE, MAX_PAGES)
    }

    fn key(number: usize) -> Key {
        Key::Status(View::Overview(number))
    }

    async fn length(cache: &PageCache, snapshots: &Snapshots, text: &'static str) -> u64 {
        let render = || Body::from(text.to_owned());
        let body = cache.get_or_render(key(0), snapshots.clone(), render).await;
        body.unwrap().size_hint().lower()
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_shared_until_its_data_is_replaced_or_its_age_is_reached() {
        let (cache, snapshots) = (cache(), snapshots());
        assert_eq!(length(&cache, &snapshots, "1").await, 1);
        assert_eq!(length(&cache, &snapshots, "22").await, 1);
        let replaced = super::tests::snapshots();
        assert_eq!(length(&cache, &replaced, "333").await, 3);
        tokio::time::sleep(MAX_AGE * 2).await;
        assert_eq!(length(&cache, &replaced, "4444").await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn replaced_data_does_not_stay_in_memory() {
        let cache = cache();
        let data = snapshots();
        let weak = Arc::downgrade(&data[0]);
        length(&cache, &data, "1").await;
        drop(data);
        tokio::time::sleep(MAX_AGE * 2).await;
        assert!(weak.upgrade().is_none());
    }

    #[tokio::test]
    async fn concurrent_requests_render_a_page_once() {
        let (cache, snapshots) = (Arc::new(cache()), snapshots());
        let rendered = Arc::new(AtomicUsize::new(0));
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (cache, snapshots) = (Arc::clone(&cache), snapshots.clone());
            let rendered = Arc::clone(&rendered);
            requests.spawn(async move {
                let render = move || {
                    rendered.fetch_add(1, Ordering::Relaxed);
                    Body::empty()
                };
                cache
                    .get_or_render(key(0), snapshots, render)
                    .await
                    .unwrap();
            });
        }
        requests.join_all().await;
        assert_eq!(rendered.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_are_being_sent_count_towards_the_limit() {
        let (cache, snapshots) = (cache(), snapshots());
        let request = |number| cache.get_or_render(key(number), snapshots.clone(), Body::empty);
        let mut sending = Vec::new();
        for number in 0..MAX_PAGES {
            sending.push(request(number).await.unwrap());
        }
        tokio::time::sleep(MAX_AGE * 2).await;
        assert_eq!(request(0).await.err(), Some(TooManyPages));
        sending.clear();
        assert!(request(0).await.is_ok());
    }
}
