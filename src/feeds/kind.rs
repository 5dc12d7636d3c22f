//! What a history is about.

/// What a history is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HistoryKind {
    /// The runs of feeds.
    #[default]
    Feeds,
    /// The runs of workflows.
    Workflows,
}

impl HistoryKind {
    pub(super) const ALL: [Self; 2] = [Self::Feeds, Self::Workflows];

    /// The name it is stored with.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Feeds => "feeds",
            Self::Workflows => "workflows",
        }
    }

    /// Whether a run that ends another time in another state counts as another
    /// run. The rows of a table that were loaded after a retry are new; a
    /// workflow that goes on after it failed is one run that ended later.
    pub(super) fn counts_outcome_again(self) -> bool {
        self == Self::Feeds
    }
}
