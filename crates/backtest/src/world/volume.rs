//! How many rows a run of a feed reads.

use jiff::civil::{DateTime, Weekday};

use super::dice::Dice;
use super::schedule::WEEK;

/// The size of a feed's runs over the day, the week and the months.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    /// Rows of an ordinary run.
    pub(crate) base: f64,
    /// Standard deviation of the logarithm.
    pub(crate) sigma: f64,
    /// Share by which it grows from week to week.
    pub(crate) growth: f64,
    /// Factor by day of the week, Monday first. 0 is zero rows by design.
    pub(crate) by_weekday: [f64; 7],
    /// Factor by local hour.
    pub(crate) by_hour: [f64; 24],
    /// Whether a run also reads what earlier runs have missed.
    pub(crate) accumulates: bool,
    /// On one day of the week everything is loaded again: this factor.
    pub(crate) full_reload: Option<(Weekday, f64)>,
    /// Share of the runs that find nothing.
    pub(crate) empty: f64,
}

impl Volume {
    /// The same every day, but for chance.
    pub(crate) fn steady(base: f64, sigma: f64) -> Self {
        Self {
            base,
            sigma,
            growth: 0.0,
            by_weekday: [1.0; 7],
            by_hour: [1.0; 24],
            accumulates: false,
            full_reload: None,
            empty: 0.0,
        }
    }

    /// The mean at this local time, after this many weeks.
    pub(crate) fn mean(&self, local: DateTime, weeks: f64) -> f64 {
        let weekday = local.weekday();
        let index = WEEK.iter().position(|day| *day == weekday).unwrap_or(0);
        let hour = usize::try_from(local.hour()).unwrap_or(0);
        let reload = match self.full_reload {
            Some((day, factor)) if day == weekday => factor,
            _ => 1.0,
        };
        let growth = (1.0 + self.growth).powf(weeks);
        self.base * growth * self.by_weekday[index] * self.by_hour[hour] * reload
    }

    /// Rows of one run. Small counts are counts of independent events, large
    /// ones vary in proportion.
    pub(crate) fn draw(&self, local: DateTime, weeks: f64, dice: &mut Dice) -> u64 {
        let mean = self.mean(local, weeks) * dice.log_normal(self.sigma);
        if dice.chance(self.empty) {
            0
        } else if mean < 50.0 {
            dice.poisson(mean)
        } else {
            mean.round() as u64
        }
    }

    /// Whether ordinary runs are large and alike enough for a person to call
    /// a tenth of the rows, or ten times as many, an incident.
    pub(crate) fn is_predictable(&self) -> bool {
        let quietest = self.by_weekday.iter().chain(&self.by_hour).copied();
        let quietest = quietest.fold(1.0, f64::min);
        self.base * quietest >= 300.0 && self.sigma <= 0.35 && self.empty == 0.0
    }
}

/// Full by day, nearly empty by night.
pub(crate) fn daytime(night: f64) -> [f64; 24] {
    std::array::from_fn(|hour| match hour {
        8..=19 => 1.0,
        6 | 7 | 20..=22 => 0.5 + night / 2.0,
        _ => night,
    })
}

/// Saturday and Sunday by this factor.
pub(crate) fn weekend(factor: f64) -> [f64; 7] {
    [1.0, 1.0, 1.0, 1.0, 1.0, factor, factor]
}

/// Nothing on Sundays.
pub(crate) fn closed_on_sundays() -> [f64; 7] {
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
}
