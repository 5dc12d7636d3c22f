//! What a process takes of memory and other things, over its life.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::process::Process;

const MIB: f64 = 1_048_576.0;

/// What a process takes at one time.
pub(super) struct Sample {
    /// Hours since the process was started.
    at: f64,
    values: [f64; 4],
}

/// Name, unit, and how much each may grow per hour; what the database may is not
/// limited, for it keeps all runs of 35 days.
const QUANTITIES: [(&str, f64); 4] = [
    ("memory, MiB", 4.0),
    ("descriptors", 4.0),
    ("threads", 4.0),
    ("database, MiB", f64::INFINITY),
];

/// Shorter lives are not long enough to fit a line.
const FITTED: Duration = Duration::from_mins(10);

/// One process, from start to end.
#[derive(Default)]
pub(super) struct Life {
    pub(super) length: Duration,
    pub(super) samples: Vec<Sample>,
}

impl Sample {
    pub(super) fn take(process: &Process, begin: Instant, database: &Path) -> Self {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let stored = size(database) + size(&database.with_extension("db-wal"));
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
        Self {
            at: begin.elapsed().as_secs_f64() / 3600.0,
            values: [
                process.status("VmRSS:") as f64 * 1024.0 / MIB,
                descriptors.count() as f64,
                process.status("Threads:") as f64,
                stored as f64 / MIB,
            ],
        }
    }
}

impl Life {
    /// Mean, and growth per hour by the fitted line, of each quantity over the
    /// second half of the life.
    fn fitted(&self) -> [(f64, f64); 4] {
        let half = &self.samples[self.samples.len() / 2..];
        std::array::from_fn(|quantity| {
            let points = half
                .iter()
                .map(|sample| (sample.at, sample.values[quantity]));
            line(&points.collect::<Vec<_>>())
        })
    }

    /// Panics if something grows.
    pub(super) fn check(&self) {
        if self.length < FITTED {
            return;
        }
        for ((name, limit), (_, slope)) in QUANTITIES.iter().zip(self.fitted()) {
            assert!(slope <= *limit, "{name}: grows by {slope:.2} per hour");
        }
    }
}

/// The mean of the values, and the slope of the line with the least squares.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
    let number = points.len() as f64;
    let mean_at = points.iter().map(|(at, _)| at).sum::<f64>() / number;
    let mean = points.iter().map(|(_, value)| value).sum::<f64>() / number;
    let products = points
        .iter()
        .map(|(at, value)| (at - mean_at) * (value - mean));
    let squares = points.iter().map(|(at, _)| (at - mean_at).powi(2));
    (mean, products.sum::<f64>() / squares.sum::<f64>())
}

/// A table in Markdown: for each life the mean and the growth per hour.
pub(super) fn table(lives: &[Life]) -> String {
    let mut text = String::from("| process, s |");
    for (name, _) in QUANTITIES {
        write!(text, " {name} | per hour |").unwrap();
    }
    text.push_str("\n|---|");
    text.push_str(&"---|---|".repeat(QUANTITIES.len()));
    for life in lives {
        write!(text, "\n| {} |", life.length.as_secs()).unwrap();
        for (mean, slope) in life.fitted() {
            if life.length < FITTED {
                write!(text, " {mean:.1} | |").unwrap();
            } else {
                write!(text, " {mean:.1} | {slope:+.2} |").unwrap();
            }
        }
    }
    text
}

#[test]
fn a_line_has_the_slope_of_its_points() {
    let points = [(1.0, 5.0), (2.0, 8.0), (3.0, 11.0)];
    assert_eq!(line(&points), (8.0, 3.0));
}
