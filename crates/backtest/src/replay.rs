//! A world through the exporter's own code: from job records to the pages it
//! would have exposed, minute by minute.

use std::collections::BTreeMap;
use std::time::Duration;

use amperity_exporter::backfill::{
    self, Families, JobsError, JobsFile, Labels, Records, Replay, ReplayOptions,
};
use amperity_exporter::jobs::Job;
use jiff::{SignedDuration, Timestamp};

use crate::rules::Stretch;
use crate::series::Series;
use crate::world::World;

/// How much of a world's time is evaluated at once.
const STRETCH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Time before a stretch that initializes the rules.
const WARM_UP: SignedDuration = SignedDuration::from_hours(12);

type Jobs = Box<dyn Iterator<Item = Result<Job, JobsError>>>;

/// All tenants of a world.
pub(crate) struct Exporter<'a> {
    world: &'a World,
    tenants: BTreeMap<&'static str, Replay<Jobs>>,
    step: SignedDuration,
    families: Families,
    labels: Labels,
}

impl<'a> Exporter<'a> {
    /// An exporter that is started when the world begins.
    pub(crate) fn new(world: &'a World, step: SignedDuration) -> anyhow::Result<Self> {
        let mut files: BTreeMap<&'static str, Vec<u8>> = BTreeMap::new();
        for (tenant, job) in &world.jobs {
            let file = files.entry(tenant).or_default();
            serde_json::to_writer(&mut *file, job)?;
            file.push(b'\n');
        }
        let replay = |(tenant, file): (&'static str, Vec<u8>)| {
            let jobs: Jobs = Box::new(JobsFile::new(std::io::Cursor::new(file), Records::Jobs));
            let options = ReplayOptions {
                tenant: tenant.into(),
                window: Duration::from_hours(7 * 24),
                reads_evenly: true,
                jobs: false,
                files: false,
                workflow_types: std::sync::Arc::default(),
                forget_after: Duration::from_hours(35 * 24),
                rules: std::sync::Arc::default(),
            };
            (tenant, Replay::new(options, jobs, None))
        };
        let name = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Ok(Self {
            world,
            tenants: files.into_iter().map(replay).collect(),
            step,
            families: Families::new(&["amperity_feed_*", "amperity_up", "amperity_last_success_*"]),
            labels: Labels::new(&[name("job", "amperity"), name("instance", "exporter:10109")]),
        })
    }

    /// Runs it to the end of the world and hands over the series stretch by
    /// stretch; each begins with the end of the one before.
    pub(crate) async fn run(
        mut self,
        mut take: impl FnMut(Stretch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut begins = self.world.start;
        let mut current: Option<Stretch> = None;
        let mut next: Option<Stretch> = None;
        let mut time = self.world.start;
        let mut page = Vec::new();
        while time < self.world.end {
            if time >= begins {
                // The first stretch has nothing before it.
                current = Some(next.take().unwrap_or_else(|| self.stretch(time, time)));
                begins += STRETCH;
            }
            if time >= begins - WARM_UP && next.is_none() {
                next = Some(self.stretch(time, begins));
            }
            page.clear();
            self.page(time, &mut page).await?;
            for stretch in [&mut current, &mut next].into_iter().flatten() {
                stretch.series.take(&page);
            }
            time += self.step;
            if time >= begins
                && let Some(stretch) = current.take()
            {
                take(stretch)?;
            }
        }
        current.map_or(Ok(()), take)
    }

    fn stretch(&self, origin: Timestamp, counts_from: Timestamp) -> Stretch {
        let series = Series::new(origin.as_second(), self.step.as_secs());
        Stretch {
            series,
            origin,
            counts_from,
        }
    }

    async fn page(&mut self, time: Timestamp, page: &mut Vec<u8>) -> anyhow::Result<()> {
        let outages = &self.world.outages;
        for (tenant, replay) in &mut self.tenants {
            let mut outages = outages.iter();
            let fails = outages
                .any(|outage| outage.tenant == *tenant && (outage.from..outage.to).contains(&time));
            let snapshot = if fails {
                replay.failed_refresh(time)
            } else {
                replay.refresh(time).await?
            };
            backfill::write_step(page, &snapshot, &self.families, &self.labels, time)?;
        }
        // What Prometheus adds by itself.
        let second = time.as_second();
        page.extend(
            format!("up{{job=\"amperity\",instance=\"exporter:10109\"}} 1 {second}\n").bytes(),
        );
        Ok(())
    }
}
