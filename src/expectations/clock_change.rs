//! When clocks change somewhere. A schedule is kept in the customer's time
//! zone, and the history shows it in UTC: which zone it is cannot be known, but
//! when it may have moved by an hour can.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A zone for each date on which many clocks change.
static ZONES: LazyLock<Vec<TimeZone>> = LazyLock::new(|| {
    let names = [
        "America/New_York",
        "Europe/Berlin",
        "Australia/Sydney",
        "Pacific/Auckland",
    ];
    let zones = names.iter().filter_map(|name| TimeZone::get(name).ok());
    zones.collect()
});

/// Whether clocks change somewhere after `from` and until `until`, in seconds
/// since 1970.
pub(super) fn between(from: i64, until: i64) -> bool {
    let Ok(after) = Timestamp::from_second(from) else {
        return false;
    };
    ZONES.iter().any(|zone| {
        let next = zone.following(after).next();
        next.is_some_and(|next| next.timestamp().as_second() <= until)
    })
}
