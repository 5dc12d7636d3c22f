//! Pages of many tenants and feeds.

use super::*;

fn feeds(count: usize, of: impl Fn(usize) -> Feed) -> Vec<Feed> {
    (0..count).map(of).collect()
}

/// Tenants with 50 feeds; every tenth has a failed one, every 40th is down.
pub(super) fn many_tenants(count: usize) -> Vec<Arc<Snapshot>> {
    let snapshots = (0..count).map(|index| {
        let feeds = feeds(50, |feed| match (index % 10, feed) {
            (5, 3) => failed("Orders 3"),
            _ => nightly(&format!("Orders {feed}"), 20),
        });
        let name = format!("tenant-{index:03}");
        match index % 40 {
            7 => unreachable(&name, feeds),
            _ => tenant(&name, feeds, vec![]),
        }
    });
    snapshots.map(Arc::new).collect()
}

#[test]
fn a_page_of_200_tenants_shows_those_in_trouble_and_lists_the_others() {
    let tenants = many_tenants(200);
    let page = overview(&tenants);
    assert!(page.len() < 400_000, "{} bytes", page.len());
    assert!(page.contains("195 of 200 tenants up · 10,000 feeds"));
    assert!(page.contains("<h1>No data from 5 tenants, 20 feeds failed</h1>"));
    assert!(positions(&page, &["tenant-007", "tenant-005", "tenant-000"]).is_sorted());
    assert!(page.contains("Tenants 1 to 100 of 200"));
    let second = html(&tenants, &View::Overview(1));
    assert!(second.contains("Tenants 101 to 200 of 200"), "{second}");
    assert!(!second.contains("<svg"));
}

#[test]
fn a_tenant_with_1_000_feeds_is_paged() {
    let many = feeds(1_000, |feed| match feed {
        567 => failed("Orders 567"),
        _ => nightly(&format!("Orders {feed:03}"), 20),
    });
    let many = [Arc::new(tenant("sock town", many, vec![]))];
    let page = |number| html(&many, &View::Tenant("sock town".into(), number));
    let first = page(0);
    assert!(first.len() < 400_000, "{} bytes", first.len());
    assert_eq!(first.matches("<tr>").count(), 101);
    assert!(positions(&first, &["Orders 567", "Orders 000"]).is_sorted());
    assert!(first.contains("Feeds 1 to 100 of 1,000"));
    assert!(first.contains("\"?tenant=sock+town&amp;page=2"));
    assert!(page(usize::MAX).contains("Feeds 901 to 1,000 of 1,000"));
    assert!(overview(&many).contains("All 1,000 feeds"));
}

#[test]
fn outages_beyond_the_first_are_named_only() {
    let tenants: Vec<_> = (0..80)
        .map(|index| Arc::new(unreachable(&format!("tenant-{index:02}"), vec![])))
        .collect();
    let page = overview(&tenants);
    assert_eq!(page.matches("token expired").count(), 3);
    assert!(page.contains("No data from 77 other tenants"));
    assert!(page.contains("and 27 more"), "{page}");
}
