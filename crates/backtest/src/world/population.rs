//! The feeds of a world: tenants, their courier groups, and the feeds that
//! each group loads in one job.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::dice::Dice;
use super::schedule::{Schedule, WEEK};
use super::volume::{Volume, closed_on_sundays, daytime, weekend};

/// The tenant that has most of the feeds.
pub(crate) const MAIN_TENANT: &str = "socktown";
const OTHER_TENANTS: [&str; 3] = ["northwind", "outback", "plainsville"];
const TIMEZONES: [&str; 4] = [
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Sydney",
    "UTC",
];

/// Kinds of schedules as people speak of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    QuarterHourly,
    Hourly,
    BusinessHours,
    FourHourly,
    Nightly,
    WorkingDays,
    Weekly,
    TwoWeekly,
    Monthly,
    SeveralADay,
    Irregular,
    AdHoc,
}

/// How many feeds of each kind an ordinary world has; 74 in all.
const FEEDS: [(Class, usize); 12] = [
    (Class::QuarterHourly, 6),
    (Class::Hourly, 10),
    (Class::BusinessHours, 6),
    (Class::FourHourly, 6),
    (Class::Nightly, 18),
    (Class::WorkingDays, 8),
    (Class::Weekly, 6),
    (Class::TwoWeekly, 3),
    (Class::Monthly, 3),
    (Class::SeveralADay, 4),
    (Class::Irregular, 2),
    (Class::AdHoc, 2),
];

/// One courier group: what runs at one time as one job.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) tenant: &'static str,
    pub(crate) class: Class,
    pub(crate) schedule: Schedule,
    pub(crate) timezone: TimeZone,
    /// Loaded one after the other.
    pub(crate) feeds: Vec<Feed>,
    /// Whether a run may begin while the one before goes on.
    pub(crate) overlaps: bool,
}

/// One feed, with what its runs are like.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) table: String,
    pub(crate) id: String,
    pub(crate) volume: Volume,
    /// Seconds of a run without rows.
    pub(crate) overhead: f64,
    /// Seconds of an ordinary run beyond the overhead, spent on its rows.
    pub(crate) loading: f64,
    /// Standard deviation of the logarithm of a run's duration.
    pub(crate) duration_sigma: f64,
    pub(crate) error_ratio: f64,
    pub(crate) rejected_ratio: f64,
}

impl Feed {
    /// Seconds that an ordinary run of this many rows takes.
    pub(crate) fn usual_seconds(&self, rows: f64) -> f64 {
        self.overhead + self.loading * rows / self.volume.base.max(1.0)
    }
}

/// The groups of a world. `other_mix` moves up to a third of the feeds to
/// other kinds of schedules.
pub(crate) fn populate(seed: u64, other_mix: bool) -> Vec<Group> {
    let mut dice = Dice::new(seed, "population");
    let mut classes: Vec<Class> = FEEDS
        .iter()
        .flat_map(|(class, count)| std::iter::repeat_n(*class, *count))
        .collect();
    if other_mix {
        for _ in 0..classes.len() / 3 {
            let (from, to) = (dice.index(classes.len()), dice.index(classes.len()));
            classes[from] = classes[to];
        }
        classes.sort();
    }
    let mut groups = Vec::new();
    let mut next = 0;
    while next < classes.len() {
        let class = classes[next];
        let alike = classes[next..]
            .iter()
            .take_while(|other| **other == class)
            .count();
        let size = match class {
            Class::Nightly | Class::WorkingDays if dice.chance(0.25) => 3 + dice.index(3),
            _ => 1,
        };
        let size = size.min(alike);
        let numbers = next..next + size;
        groups.push(group(class, numbers, &mut dice));
        next += size;
    }
    groups
}

fn group(class: Class, numbers: std::ops::Range<usize>, dice: &mut Dice) -> Group {
    let (tenant, timezone) = if numbers.start % 6 == 5 {
        let other = dice.index(OTHER_TENANTS.len());
        (OTHER_TENANTS[other], TIMEZONES[other + 1])
    } else {
        (
            MAIN_TENANT,
            if dice.chance(0.6) {
                TIMEZONES[0]
            } else {
                dice.choose(&TIMEZONES)
            },
        )
    };
    let alone = numbers.len() == 1;
    let feeds = numbers
        .map(|number| feed(class, number, alone, dice))
        .collect();
    Group {
        tenant,
        class,
        schedule: schedule(class, dice),
        timezone: TimeZone::get(timezone).unwrap_or(TimeZone::UTC),
        feeds,
        overlaps: class == Class::Hourly && dice.chance(0.15),
    }
}

fn schedule(class: Class, dice: &mut Dice) -> Schedule {
    let working_days = &WEEK[..5];
    let night = Time::constant(
        dice.between(0, 5) as i8,
        dice.between(0, 11) as i8 * 5,
        0,
        0,
    );
    let minute = dice.between(0, 11) as i8 * 5;
    let daily = |times: Vec<Time>, weekdays: &[Weekday]| Schedule::Daily {
        times,
        weekdays: weekdays.to_vec(),
    };
    match class {
        Class::QuarterHourly => Schedule::Every {
            minutes: 15,
            offset: dice.between(0, 14),
        },
        Class::Hourly => Schedule::Every {
            minutes: 60,
            offset: minute.into(),
        },
        Class::FourHourly => Schedule::Every {
            minutes: 240,
            offset: dice.between(0, 239),
        },
        Class::BusinessHours => {
            let (first, last) = (dice.between(7, 9), dice.between(16, 19));
            let times = (first..=last).map(|hour| Time::constant(hour as i8, minute, 0, 0));
            daily(times.collect(), working_days)
        }
        Class::Nightly => daily(vec![night], &WEEK),
        Class::WorkingDays => daily(vec![night], working_days),
        Class::Weekly => daily(vec![night], &[dice.choose(&WEEK)]),
        Class::TwoWeekly => Schedule::TwoWeekly {
            odd_weeks: dice.chance(0.5),
            weekday: dice.choose(working_days),
            time: night,
        },
        Class::Monthly if dice.chance(0.6) => Schedule::MonthlyOnDay {
            day: dice.between(1, 28) as i8,
            time: night,
        },
        Class::Monthly => Schedule::MonthlyOnWeekday {
            weekday: dice.choose(working_days),
            time: night,
        },
        Class::SeveralADay => {
            let mut hours = [1_i8, 4, 6, 9, 11, 14, 17, 20, 22];
            dice.shuffle(&mut hours);
            let count = 3 + dice.index(2);
            let mut times: Vec<Time> = hours[..count]
                .iter()
                .map(|hour| Time::constant(*hour, minute, 0, 0))
                .collect();
            times.sort();
            daily(times, &WEEK)
        }
        Class::Irregular => Schedule::Random {
            mean_hours: dice.uniform(9.0, 40.0),
        },
        Class::AdHoc => Schedule::Random {
            mean_hours: dice.uniform(60.0, 200.0),
        },
    }
}

fn feed(class: Class, number: usize, alone: bool, dice: &mut Dice) -> Feed {
    const NAMES: [&str; 12] = [
        "Orders",
        "Order items",
        "Customers",
        "Loyalty members",
        "Returns",
        "Email events",
        "Agency leads",
        "Store visits",
        "Products",
        "Web sessions",
        "Gift cards",
        "Surveys",
    ];
    let name = NAMES[number % NAMES.len()];
    let minutes = match class {
        Class::QuarterHourly => dice.uniform(0.5, 4.0),
        Class::Hourly | Class::BusinessHours => dice.uniform(1.0, 15.0),
        Class::FourHourly | Class::SeveralADay => dice.uniform(3.0, 40.0),
        _ if alone => dice.log_uniform(3.0, 90.0),
        // Those that come last in a job wait for hours.
        _ => dice.uniform(20.0, 80.0),
    };
    let rows_share = dice.uniform(0.2, 0.9);
    Feed {
        table: format!("{name} {}", number + 1),
        id: format!("df-{:04}{}", number + 1, name.chars().next().unwrap_or('x')),
        volume: volume(class, alone, dice),
        overhead: minutes * 60.0 * (1.0 - rows_share),
        loading: minutes * 60.0 * rows_share,
        duration_sigma: dice.uniform(0.05, 0.3),
        error_ratio: if dice.chance(0.4) {
            0.0
        } else {
            dice.log_uniform(1e-5, 5e-3)
        },
        rejected_ratio: if dice.chance(0.3) {
            0.0
        } else {
            dice.log_uniform(1e-3, 0.1)
        },
    }
}

fn volume(class: Class, alone: bool, dice: &mut Dice) -> Volume {
    // A tenth of the feeds has a handful of rows.
    let base = if dice.chance(0.1) {
        dice.uniform(0.5, 20.0)
    } else {
        dice.log_uniform(400.0, 2e6)
    };
    let mut volume = Volume::steady(base, dice.uniform(0.03, 0.3));
    volume.accumulates = dice.chance(0.5);
    if dice.chance(0.4) {
        volume.growth = dice.uniform(-0.01, 0.05);
    }
    if dice.chance(0.5) {
        volume.by_weekday = weekend(dice.uniform(0.15, 0.9));
    }
    match class {
        Class::QuarterHourly => {
            volume.sigma = dice.uniform(0.4, 1.0);
            volume.empty = dice.uniform(0.0, 0.3);
            volume.by_hour = daytime(dice.uniform(0.02, 0.3));
        }
        Class::Hourly | Class::FourHourly | Class::SeveralADay => {
            let night = if dice.chance(0.25) {
                0.0
            } else {
                dice.uniform(0.05, 0.6)
            };
            volume.by_hour = daytime(night);
        }
        Class::Nightly if dice.chance(0.2) => volume.by_weekday = closed_on_sundays(),
        // Of a job with several tables it would take the whole day.
        Class::Nightly if alone && dice.chance(0.2) => {
            volume.full_reload = Some((dice.choose(&WEEK), dice.uniform(4.0, 20.0)));
        }
        Class::Irregular | Class::AdHoc => volume.sigma = dice.uniform(0.5, 1.5),
        _ => {}
    }
    volume
}
