//! What a scrape says about itself: how long it may take, in which format it
//! wants its answer, and of which tenants.

use std::time::Duration;

use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use crate::exposition::{self, Encoding, Format};

/// Left for sending the answer.
const MARGIN: Duration = Duration::from_millis(500);

/// A client that claims to have longer than this is not believed.
const LONGEST: Duration = Duration::from_hours(1);

/// The time until the scraper gives up, less half a second; `None` if it does
/// not say so in a way that can be read.
pub(super) fn budget(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("x-prometheus-scrape-timeout-seconds")?;
    let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
    if seconds.is_nan() || seconds <= 0.0 {
        return None;
    }
    let timeout = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST);
    Some(timeout.min(LONGEST).saturating_sub(MARGIN))
}

/// The format and coding the client asked for.
pub(super) fn negotiate(headers: &HeaderMap) -> (Format, Encoding) {
    let accept = joined(headers, &ACCEPT);
    let accept_encoding = joined(headers, &ACCEPT_ENCODING);
    exposition::negotiate(accept.as_deref(), accept_encoding.as_deref())
}

/// A list may come in one header or in several.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(timeout: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
        headers.insert(name, timeout.parse().unwrap());
        headers
    }

    #[test]
    fn the_budget_is_the_scrape_timeout_less_half_a_second() {
        assert_eq!(budget(&headers("10")), Some(Duration::from_millis(9_500)));
        assert_eq!(budget(&headers(" 2.5 ")), Some(Duration::from_secs(2)));
        assert_eq!(budget(&headers("0.2")), Some(Duration::ZERO));
    }

    #[test]
    fn a_timeout_that_makes_no_sense_is_ignored_and_a_huge_one_cut() {
        for nonsense in ["", "ten", "-1", "0", "NaN", "-inf"] {
            assert_eq!(budget(&headers(nonsense)), None, "{nonsense}");
        }
        for huge in ["1e300", "inf", "86400"] {
            assert_eq!(
                budget(&headers(huge)),
                Some(LONGEST.saturating_sub(MARGIN)),
                "{huge}"
            );
        }
        assert_eq!(budget(&HeaderMap::new()), None);
    }
}
