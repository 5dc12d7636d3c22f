//! What goes wrong in a world, where and when: effects are put on scheduled
//! runs. [`super::simulate`] then runs them.

use jiff::{SignedDuration, Timestamp};

use super::dice::Dice;
use super::population::{Class, Group, MAIN_TENANT};
use super::{Outage, Span};

/// What is different about one scheduled run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effect {
    /// It does not run; so are the next few, if several.
    DoesNotRun,
    /// Follows [`Effect::DoesNotRun`] as part of the same incident.
    NorThisOne,
    /// Neither it nor any after it runs.
    Stops,
    /// A holiday: nobody expects it.
    Holiday,
    Fails,
    /// Fails, and succeeds minutes later.
    FailsAndIsRetried,
    Hangs,
    /// Takes this many times as long.
    Slow(f64),
    FewRows(f64),
    ZeroRows,
    ManyRows(f64),
    Errors(f64),
    Rejections(f64),
    /// A backfill of this many times the rows.
    Backfill(f64),
    /// One of the feeds that fail together.
    FailsWithOthers,
    /// Runs again by hand what failed with others.
    RunsAgain,
}

/// One scheduled run of a group.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) time: Timestamp,
    /// Applies to this feed of the group, or to all where that makes sense.
    pub(crate) effect: Option<(usize, Effect)>,
    /// Whether the schedule has moved not long ago.
    pub(crate) shifted: bool,
}

/// How many incidents of each kind nine weeks have.
#[rustfmt::skip]
const INCIDENTS: [(Effect, usize, &[Class]); 16] = {
    use Class::{BusinessHours, FourHourly, Hourly, Irregular, Nightly, QuarterHourly, SeveralADay, TwoWeekly, Weekly, WorkingDays};
    const DAILY: &[Class] = &[Nightly, WorkingDays];
    const INTRADAY: &[Class] = &[QuarterHourly, Hourly, BusinessHours, FourHourly];
    const REGULAR: &[Class] = &[Hourly, BusinessHours, FourHourly, Nightly, WorkingDays, SeveralADay, Weekly];
    const ANY: &[Class] = &[QuarterHourly, Hourly, BusinessHours, FourHourly, Nightly, WorkingDays, Weekly, TwoWeekly, SeveralADay, Irregular];
    [
        (Effect::DoesNotRun, 6, DAILY),
        (Effect::DoesNotRun, 2, &[Weekly]),
        (Effect::DoesNotRun, 1, &[TwoWeekly]),
        (Effect::DoesNotRun, 1, &[SeveralADay]),
        (Effect::DoesNotRun, 4, INTRADAY),
        (Effect::Stops, 2, &[Nightly, Hourly, WorkingDays]),
        (Effect::Fails, 9, ANY),
        (Effect::Hangs, 4, REGULAR),
        (Effect::Slow(5.0), 4, &[FourHourly, Nightly, WorkingDays, Weekly]),
        (Effect::FewRows(0.1), 5, REGULAR),
        (Effect::ZeroRows, 4, REGULAR),
        (Effect::ManyRows(12.0), 4, REGULAR),
        (Effect::Errors(0.2), 6, REGULAR),
        (Effect::Rejections(0.6), 4, REGULAR),
        (Effect::Backfill(10.0), 4, &[Nightly, WorkingDays, Weekly]),
        (Effect::FailsAndIsRetried, 5, ANY),
    ]
};

/// Plans a world's runs: `start` is when the exporter first sees it, the
/// history before is without incidents.
pub(crate) fn plan(
    seed: u64,
    groups: &[Group],
    span: Span,
    start: Timestamp,
    outages: &[Outage],
) -> Vec<Vec<Planned>> {
    let mut dice = Dice::new(seed, "plan");
    let mut plans: Vec<Vec<Planned>> = groups
        .iter()
        .map(|group| {
            let times = group
                .schedule
                .occurrences(&group.timezone, span.from, span.to, &mut dice);
            let planned = |time| Planned {
                time,
                effect: None,
                shifted: false,
            };
            times.into_iter().map(planned).collect()
        })
        .collect();
    let weeks = span.weeks_since(start);
    let mut planner = Planner {
        groups,
        start,
        to: span.to,
        outages,
        dice,
    };
    planner.holiday(&mut plans);
    planner.shifts(&mut plans);
    planner.new_feeds(&mut plans);
    planner.many_fail(&mut plans);
    for (effect, count, classes) in INCIDENTS {
        let count = (count as f64 * weeks / 9.0).ceil() as usize;
        for _ in 0..count {
            planner.place(effect, classes, &mut plans);
        }
    }
    plans
}

struct Planner<'a> {
    groups: &'a [Group],
    start: Timestamp,
    to: Timestamp,
    outages: &'a [Outage],
    dice: Dice,
}

impl Planner<'_> {
    /// Puts an effect on a run, if one can be found that is suitable and far
    /// enough from every other one.
    fn place(&mut self, effect: Effect, classes: &[Class], plans: &mut [Vec<Planned>]) {
        for _ in 0..2000 {
            let index = self.dice.index(self.groups.len());
            let group = &self.groups[index];
            let plan = &mut plans[index];
            if !classes.contains(&group.class) || plan.is_empty() {
                continue;
            }
            let (feed, run) = (
                self.dice.index(group.feeds.len()),
                self.dice.index(plan.len()),
            );
            if !self.is_suitable(effect, group, feed, plan, run) {
                continue;
            }
            plan[run].effect = Some((feed, self.varied(effect)));
            match effect {
                Effect::Stops => plan.truncate(run + 1),
                Effect::DoesNotRun => self.miss_more(group.class, plan, run),
                _ => {}
            }
            return;
        }
    }

    fn is_suitable(
        &self,
        effect: Effect,
        group: &Group,
        feed: usize,
        plan: &[Planned],
        run: usize,
    ) -> bool {
        let time = plan[run].time;
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let (known_after, apart) = match group.class {
            Class::Weekly => (days(22), days(20)),
            Class::TwoWeekly => (days(43), days(30)),
            Class::WorkingDays | Class::Nightly | Class::SeveralADay => (days(0), days(5)),
            _ => (days(0), days(3)),
        };
        let local = group.timezone.to_datetime(time);
        let profile = &group.feeds[feed];
        let rows = profile.volume.mean(local, 0.0);
        let about_rows = matches!(
            effect,
            Effect::FewRows(_) | Effect::ZeroRows | Effect::ManyRows(_)
        );
        let about_ratios = matches!(effect, Effect::Errors(_) | Effect::Rejections(_));
        let first = plan.first().map_or(self.start, |first| first.time);
        // A person also needs two weeks to know what the days of the week are like.
        let known_after = if about_rows {
            known_after.max(days(7))
        } else {
            known_after
        };
        let age = time.duration_since(first.max(self.start - days(7)));
        let near = |other: &Planned| {
            (other.effect.is_some() || other.shifted)
                && other.time.duration_since(time).abs() < apart
        };
        let fits = match effect {
            Effect::Slow(_) => profile.usual_seconds(rows) >= 900.0,
            Effect::Stops => time > self.start + days(10),
            _ if about_rows => {
                profile.volume.is_predictable()
                    && profile.volume.full_reload.is_none()
                    && rows > 300.0
            }
            _ if about_ratios => rows > 1000.0 && profile.volume.empty == 0.0,
            _ => true,
        };
        fits && time > self.start + SignedDuration::from_hours(2)
            && age >= known_after + days(7)
            && time < self.to - days(2)
            && !plan.iter().any(near)
            && !self.outages.iter().any(|outage| outage.is_near(time))
    }

    /// Of what runs many times a day, several runs in a row are missing.
    fn miss_more(&mut self, class: Class, plan: &mut [Planned], run: usize) {
        let more = match class {
            Class::QuarterHourly => self.dice.between(15, 40),
            Class::Hourly => self.dice.between(4, 12),
            Class::BusinessHours => self.dice.between(3, 8),
            Class::FourHourly => self.dice.between(0, 3),
            _ => 0,
        };
        let more = usize::try_from(more).unwrap_or(0);
        for planned in plan.iter_mut().skip(run + 1).take(more) {
            planned.effect = Some((0, Effect::NorThisOne));
        }
    }

    fn varied(&mut self, effect: Effect) -> Effect {
        let factor = self.dice.uniform(0.7, 1.5);
        match effect {
            Effect::Slow(times) => Effect::Slow(times * factor.max(1.0)),
            Effect::FewRows(share) => Effect::FewRows(share * factor),
            Effect::ManyRows(times) => Effect::ManyRows(times * factor),
            Effect::Errors(ratio) => Effect::Errors(ratio * factor),
            Effect::Rejections(ratio) => Effect::Rejections(ratio * factor),
            Effect::Backfill(times) => Effect::Backfill(times * factor),
            other => other,
        }
    }

    fn random_time(&mut self, earliest: f64, latest: f64) -> Timestamp {
        let whole = self.to.duration_since(self.start).as_secs_f64();
        let seconds = whole * self.dice.uniform(earliest, latest);
        self.start + SignedDuration::from_secs_f64(seconds)
    }

    /// One day on which what follows working days does not run.
    fn holiday(&mut self, plans: &mut [Vec<Planned>]) {
        let day = self.random_time(0.3, 0.9);
        for (group, plan) in self.groups.iter().zip(plans) {
            if !matches!(group.class, Class::WorkingDays | Class::BusinessHours)
                || group.tenant != MAIN_TENANT
            {
                continue;
            }
            let day = group.timezone.to_datetime(day).date();
            for planned in plan.iter_mut() {
                if group.timezone.to_datetime(planned.time).date() == day {
                    planned.effect = Some((0, Effect::Holiday));
                }
            }
        }
    }

    /// A few schedules move for good.
    fn shifts(&mut self, plans: &mut [Vec<Planned>]) {
        for (class, minutes) in [
            (Class::Nightly, 95),
            (Class::WorkingDays, -120),
            (Class::Hourly, 25),
        ] {
            let from = self.random_time(0.25, 0.75);
            let Some(plan) = self.a_plan_of(class, plans) else {
                continue;
            };
            let later = plan.iter_mut().filter(|planned| planned.time >= from);
            for (count, planned) in later.enumerate() {
                planned.time += SignedDuration::from_mins(minutes);
                planned.shifted = count < 3;
            }
        }
    }

    /// Two feeds begin when the exporter has long been running.
    fn new_feeds(&mut self, plans: &mut [Vec<Planned>]) {
        for class in [Class::Nightly, Class::Hourly] {
            let from = self.random_time(0.2, 0.4);
            if let Some(plan) = self.a_plan_of(class, plans) {
                plan.retain(|planned| planned.time >= from);
            }
        }
    }

    /// A plan of this kind that nothing has happened to yet.
    fn a_plan_of<'p>(
        &mut self,
        class: Class,
        plans: &'p mut [Vec<Planned>],
    ) -> Option<&'p mut Vec<Planned>> {
        let ordinary = |plan: &[Planned]| plan.iter().all(|planned| !planned.shifted);
        let candidates: Vec<usize> = (0..plans.len())
            .filter(|index| self.groups[*index].class == class && ordinary(&plans[*index]))
            .collect();
        if candidates.is_empty() {
            return None;
        }
        let chosen = self.dice.choose(&candidates);
        plans.get_mut(chosen)
    }

    /// All feeds of the main tenant are run by hand and fail within minutes;
    /// three hours later they are run again and succeed.
    fn many_fail(&mut self, plans: &mut [Vec<Planned>]) {
        let time = self.random_time(0.5, 0.95);
        for (group, plan) in self.groups.iter().zip(plans) {
            if group.tenant != MAIN_TENANT || plan.first().is_none_or(|first| first.time > time) {
                continue;
            }
            let delay = SignedDuration::from_secs(self.dice.between(0, 240));
            let again = delay + SignedDuration::from_hours(3);
            let at_once = SignedDuration::from_mins(10);
            plan.retain(|planned| planned.time.duration_since(time).abs() > at_once);
            for (delay, effect) in [(delay, Effect::FailsWithOthers), (again, Effect::RunsAgain)] {
                plan.push(Planned {
                    time: time + delay,
                    effect: Some((0, effect)),
                    shifted: false,
                });
            }
            plan.sort_by_key(|planned| planned.time);
        }
    }
}
