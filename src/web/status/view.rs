//! Which page a query asks for.

use std::sync::Arc;

use crate::feeds::{Feed, FeedId};
use crate::snapshot::Snapshot;
use crate::web::query::Query;

/// Beyond what any tenant has; bounds the pages that can be requested.
const MAX_PAGE: usize = 100_000;

/// A page to show. Pages of lists count from 0; the last one stands for those
/// beyond it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::web) enum View {
    /// All tenants, and the page of the list of tenants.
    Overview(usize),
    /// One tenant, and the page of its feeds.
    Tenant(Arc<str>, usize),
    /// One tenant, and the page of its jobs.
    Jobs(Arc<str>, usize),
    /// A feed of a tenant.
    Feed(Arc<str>, FeedId),
}

impl View {
    /// The page that a query asks for; `tenant` is its tenant. Of two feeds
    /// with the same id, the parameter `table` selects one.
    ///
    /// # Errors
    /// The message for the client if there is no such feed.
    pub(in crate::web) fn from_query(
        query: &Query,
        tenant: Option<Arc<str>>,
        snapshots: &[Arc<Snapshot>],
    ) -> Result<Self, String> {
        let first = |name| query.all(name).next();
        let number = first("page").and_then(|page| page.parse::<usize>().ok());
        let page = number.unwrap_or(1).saturating_sub(1).min(MAX_PAGE);
        let Some(tenant) = tenant else {
            return Ok(Self::Overview(page));
        };
        if let Some(feed) = first("feed") {
            let mut snapshots = snapshots.iter();
            let snapshot = snapshots.find(|snapshot| snapshot.tenant == tenant);
            let found = snapshot.and_then(|it| find_feed(it, first("table"), feed));
            let unknown = || "the tenant has no such feed; its page lists its feeds".to_owned();
            return found.map(|id| Self::Feed(tenant, id)).ok_or_else(unknown);
        }
        Ok(match first("show") {
            Some("jobs") => Self::Jobs(tenant, page),
            _ => Self::Tenant(tenant, page),
        })
    }

    /// The only tenant it shows.
    pub(super) fn tenant(&self) -> Option<&Arc<str>> {
        match self {
            Self::Overview(_) => None,
            Self::Tenant(tenant, _) | Self::Jobs(tenant, _) | Self::Feed(tenant, _) => Some(tenant),
        }
    }
}

fn find_feed(snapshot: &Snapshot, table: Option<&str>, feed: &str) -> Option<FeedId> {
    let is_it =
        |other: &&Feed| *other.feed == *feed && table.is_none_or(|table| *other.table == *table);
    let found = snapshot.feeds.iter().find(is_it)?;
    Some(FeedId::new(&found.table, &found.feed))
}
