//! Scores `amperity_exporter`'s expectations and alert rules on generated
//! worlds: see docs/BACKTEST.md.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "simulated quantities are rounded; no number is near a limit of its type"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use jiff::SignedDuration;

mod learned;
mod notify;
mod replay;
mod rules;
mod score;
mod series;
mod world;

use score::{Limits, Scores};
use world::{EVALUATION_SEEDS, World};

/// How long a world is after the exporter has first seen it.
#[derive(Debug, clap::Args)]
struct Length {
    #[arg(long, default_value_t = 9)]
    weeks: i64,
    /// In place of weeks
    #[arg(long)]
    days: Option<i64>,
}

impl Length {
    fn days(&self) -> i64 {
        self.days.unwrap_or(self.weeks * 7)
    }
}

/// Scores expectations and alert rules on generated worlds.
#[derive(Debug, Parser)]
enum Command {
    /// Write a world: one file of jobs per tenant, and its labels.
    Generate {
        #[arg(long)]
        seed: u64,
        #[command(flatten)]
        length: Length,
        /// The folder to write to
        #[arg(long)]
        out: PathBuf,
    },
    /// Score the shipped rules on what the exporter would have exposed.
    Rules {
        /// The first seed; those from 1000 on are for evaluation
        #[arg(long, default_value_t = 1000)]
        seed: u64,
        /// How many seeds
        #[arg(long, default_value_t = 1)]
        seeds: u64,
        #[command(flatten)]
        length: Length,
        /// Minutes between two evaluations
        #[arg(long, default_value_t = 1)]
        step: i64,
        /// The folder of the project
        #[arg(long, default_value = ".")]
        project: PathBuf,
        #[command(flatten)]
        limits: Limits,
    },
    /// Score the expectations alone: fast, for those who work on them.
    Expectations {
        /// The first seed; those from 1000 on are for evaluation
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many seeds
        #[arg(long, default_value_t = 1)]
        seeds: u64,
        /// As if the time zone of each feed were configured
        #[arg(long)]
        timezones: bool,
        #[command(flatten)]
        length: Length,
        #[command(flatten)]
        limits: Limits,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Generate { seed, length, out } => generate(seed, length.days(), &out),
        Command::Rules {
            seed,
            seeds,
            length,
            step,
            project,
            limits,
        } => {
            let step = SignedDuration::from_mins(step);
            rules(seed..seed + seeds, length.days(), step, &project, &limits).await
        }
        Command::Expectations {
            seed,
            seeds,
            timezones,
            length,
            limits,
        } => expectations(seed..seed + seeds, timezones, length.days(), &limits),
    }
}

async fn rules(
    seeds: std::ops::Range<u64>,
    days: i64,
    step: SignedDuration,
    project: &Path,
    limits: &Limits,
) -> anyhow::Result<()> {
    // promtool reads relative paths from the folder of the test.
    let folder = project.join("deploy/prometheus/rules").canonicalize()?;
    let alertmanager = project.join("deploy/alertmanager/alertmanager.yml");
    let alertmanager = notify::Configuration::read(&alertmanager)?;
    let mut scores = Scores::default();
    let mut out = std::io::stdout();
    for seed in seeds.clone() {
        let world = World::generate(seed, days);
        let mut firing = rules::Firing::new();
        replay::Exporter::new(&world, step)?
            .run(|stretch| {
                for (labels, times) in rules::evaluate(stretch, step, &folder)? {
                    firing.entry(labels).or_default().extend(times);
                }
                Ok(())
            })
            .await?;
        let alerts = rules::alerts(firing, step)?;
        let sent = alertmanager.notifications(&alerts)?;
        scores.add(seed, &world, &alerts, true);
        scores.add_notifications(&world, &alerts, &sent);
    }
    writeln!(
        out,
        "{} of {days} days, rules evaluated every {} min.\n",
        worlds(&seeds),
        step.as_mins()
    )?;
    out.write_all(scores.report().as_bytes())?;
    scores.check(limits)
}

fn worlds(seeds: &std::ops::Range<u64>) -> String {
    let purpose = if seeds.start < EVALUATION_SEEDS {
        "development"
    } else {
        "evaluation"
    };
    let count = seeds.end - seeds.start;
    format!(
        "{count} {purpose} world{} (seeds from {})",
        if count == 1 { "" } else { "s" },
        seeds.start
    )
}

fn expectations(
    seeds: std::ops::Range<u64>,
    timezones: bool,
    days: i64,
    limits: &Limits,
) -> anyhow::Result<()> {
    let mut scores = Scores::default();
    for seed in seeds.clone() {
        let world = World::generate(seed, days);
        scores.add(seed, &world, &learned::alerts(&world, timezones), false);
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "Expectations alone, {} of {days} days.\n",
        worlds(&seeds)
    )?;
    out.write_all(scores.report().as_bytes())?;
    scores.check(limits)
}

fn generate(seed: u64, days: i64, out: &Path) -> anyhow::Result<()> {
    let world = World::generate(seed, days);
    std::fs::create_dir_all(out)?;
    let mut files = std::collections::BTreeMap::new();
    for (tenant, job) in &world.jobs {
        let file = match files.entry(*tenant) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let path = out.join(format!("{tenant}.jsonl"));
                entry.insert(BufWriter::new(File::create(path)?))
            }
        };
        serde_json::to_writer(&mut *file, job)?;
        file.write_all(b"\n")?;
    }
    for file in files.values_mut() {
        file.flush()?;
    }
    let labels = File::create(out.join("labels.json"))?;
    serde_json::to_writer_pretty(labels, &world.labels)?;
    Ok(())
}
