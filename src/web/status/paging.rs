//! Long lists in pages.

use std::ops::Range;

use maud::{Markup, html};

use super::links;
use super::words::number;

/// One page of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paging {
    items: usize,
    size: usize,
    /// From 0, within the list.
    page: usize,
}

impl Paging {
    /// The page of a list of `items`, or the last one if there are fewer.
    pub(super) fn new(items: usize, size: usize, page: usize) -> Self {
        let pages = items.div_ceil(size).max(1);
        let page = page.min(pages - 1);
        Self { items, size, page }
    }

    /// Whether there are pages after this one.
    pub(super) fn has_more(self) -> bool {
        (self.page + 1) * self.size < self.items
    }

    fn range(self) -> Range<usize> {
        let first = self.page * self.size;
        first..self.items.min(first + self.size)
    }

    /// The items of the page.
    pub(super) fn of<T>(self, items: &[T]) -> &[T] {
        items.get(self.range()).unwrap_or_default()
    }

    /// Where the page is in the list, and links to the pages beside it;
    /// nothing if it is the only one. `link` is that of the first page.
    pub(super) fn links(self, what: &str, link: &str) -> Markup {
        let range = self.range();
        let shown = |index: usize| number(index as u64);
        html! {
            @if self.items > self.size {
                nav.more aria-label={ "Pages of " (what.to_lowercase()) } {
                    (what) " " (shown(range.start + 1)) " to " (shown(range.end)) " of " (shown(self.items)) ". "
                    @if self.page > 0 { a href=(links::page(link, self.page - 1)) { "Previous" } " " }
                    @if self.has_more() { a href=(links::page(link, self.page + 1)) { "Next" } }
                }
            }
        }
    }
}
