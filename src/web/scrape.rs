//! The parameters of a scrape: its time budget, its format and its tenants.

use std::time::Duration;

use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use crate::exposition::{self, Negotiated};

/// Reserved for sending the response.
const MARGIN: Duration = Duration::from_millis(500);

/// The longest budget of a client.
const MAX_BUDGET: Duration = Duration::from_mins(2);

/// The client's scrape timeout less half a second; `None` if the header is
/// missing or invalid.
pub(super) fn budget(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("x-prometheus-scrape-timeout-seconds")?;
    let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
    if seconds.is_nan() || seconds <= 0.0 {
        return None;
    }
    let timeout = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    Some(timeout.saturating_sub(MARGIN).min(MAX_BUDGET))
}

/// The format and encoding that the client accepts.
pub(super) fn negotiate(headers: &HeaderMap) -> Negotiated {
    let accept = joined(headers, &ACCEPT);
    let accept_encoding = joined(headers, &ACCEPT_ENCODING);
    exposition::negotiate(accept.as_deref(), accept_encoding.as_deref())
}

/// A list may be in one header or in several.
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
    fn invalid_timeouts_are_ignored_and_long_ones_capped() {
        for invalid in ["", "ten", "-1", "0", "NaN", "-inf"] {
            assert_eq!(budget(&headers(invalid)), None, "{invalid}");
        }
        for huge in ["1e300", "inf", "86400"] {
            assert_eq!(budget(&headers(huge)), Some(MAX_BUDGET), "{huge}");
        }
        assert_eq!(budget(&HeaderMap::new()), None);
    }
}
