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

use score::Scores;
use world::{EVALUATION_SEEDS, World};

/// Scores expectations and alert rules on generated worlds.
#[derive(Debug, Parser)]
enum Command {
    /// Write a world: one file of jobs per tenant, and its labels.
    Generate {
        #[arg(long)]
        seed: u64,
        #[arg(long, default_value_t = 9)]
        weeks: i64,
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
        #[arg(long, default_value_t = 9)]
        weeks: i64,
        /// Minutes between two evaluations
        #[arg(long, default_value_t = 1)]
        step: i64,
        /// The folder of the project
        #[arg(long, default_value = ".")]
        project: PathBuf,
        /// Fail if fewer than this share of the incidents is detected in time
        #[arg(long, default_value_t = 0.0)]
        least: f64,
    },
    /// Score the expectations alone: fast, for those who work on them.
    Expectations {
        /// The first seed; those from 1000 on are for evaluation
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many seeds
        #[arg(long, default_value_t = 1)]
        seeds: u64,
        #[arg(long, default_value_t = 9)]
        weeks: i64,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Generate { seed, weeks, out } => generate(seed, weeks, &out),
        Command::Rules {
            seed,
            seeds,
            weeks,
            step,
            project,
            least,
        } => {
            let step = SignedDuration::from_mins(step);
            rules(seed..seed + seeds, weeks, step, &project, least).await
        }
        Command::Expectations { seed, seeds, weeks } => expectations(seed..seed + seeds, weeks),
    }
}

async fn rules(
    seeds: std::ops::Range<u64>,
    weeks: i64,
    step: SignedDuration,
    project: &Path,
    least: f64,
) -> anyhow::Result<()> {
    // promtool reads relative paths from the folder of the test.
    let folder = project.join("deploy/prometheus/rules").canonicalize()?;
    let alertmanager = project.join("deploy/alertmanager/alertmanager.yml");
    let alertmanager = notify::Configuration::read(&alertmanager)?;
    let mut scores = Scores::default();
    let mut out = std::io::stdout();
    for seed in seeds.clone() {
        let world = World::generate(seed, weeks);
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
        scores.add_notifications(&world, &sent);
    }
    writeln!(
        out,
        "{} of {weeks} weeks, rules evaluated every {} min.\n",
        worlds(&seeds),
        step.as_mins()
    )?;
    out.write_all(scores.report().as_bytes())?;
    anyhow::ensure!(
        scores.share_detected() >= least,
        "only {:.0} % of the incidents were detected in time, not {:.0} %",
        100.0 * scores.share_detected(),
        100.0 * least
    );
    Ok(())
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

fn expectations(seeds: std::ops::Range<u64>, weeks: i64) -> anyhow::Result<()> {
    let mut scores = Scores::default();
    for seed in seeds.clone() {
        let world = World::generate(seed, weeks);
        scores.add(seed, &world, &learned::alerts(&world), false);
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "Expectations alone, {} of {weeks} weeks.\n",
        worlds(&seeds)
    )?;
    out.write_all(scores.report().as_bytes())?;
    Ok(())
}

fn generate(seed: u64, weeks: i64, out: &Path) -> anyhow::Result<()> {
    let world = World::generate(seed, weeks);
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
