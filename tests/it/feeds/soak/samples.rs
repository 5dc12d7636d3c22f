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

/// Name and unit, the most that may ever be in use, and the most growth per hour.
/// The database keeps all runs of 35 days, so its growth is not limited.
const QUANTITIES: [(&str, f64, f64); 4] = [
    ("memory, MiB", 200.0, 4.0),
    ("descriptors", 64.0, 4.0),
    ("threads", 32.0, 4.0),
    ("database, MiB", 32.0, f64::INFINITY),
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
    /// The line of each quantity over the second half of the life.
    fn fitted(&self) -> [Line; 4] {
        let half = &self.samples[self.samples.len() / 2..];
        std::array::from_fn(|quantity| {
            let points = half
                .iter()
                .map(|sample| (sample.at, sample.values[quantity]));
            Line::through(&blocks(&points.collect::<Vec<_>>()))
        })
    }

    /// Panics if more is in use than is allowed, or if the growth exceeds its limit
    /// by three standard errors.
    pub(super) fn check(&self) {
        for (quantity, (name, most, _)) in QUANTITIES.iter().enumerate() {
            for sample in &self.samples {
                let value = sample.values[quantity];
                assert!(value <= *most, "{name}: {value}, of at most {most}");
            }
        }
        if self.length < FITTED {
            return;
        }
        for ((name, _, growth), line) in QUANTITIES.iter().zip(self.fitted()) {
            let certain = line.slope - 3.0 * line.error;
            assert!(certain <= *growth, "{name}: grows by {line:?} per hour");
        }
    }
}

/// The line with the least squares through some points.
#[derive(Debug, PartialEq)]
struct Line {
    mean: f64,
    slope: f64,
    /// The standard error of the slope.
    error: f64,
}

impl Line {
    fn through(points: &[(f64, f64)]) -> Self {
        let (mean_at, mean) = mean(points);
        let products = points
            .iter()
            .map(|(at, value)| (at - mean_at) * (value - mean));
        let squares: f64 = points.iter().map(|(at, _)| (at - mean_at).powi(2)).sum();
        let slope = products.sum::<f64>() / squares;
        let residuals = points
            .iter()
            .map(|(at, value)| (value - mean - slope * (at - mean_at)).powi(2));
        #[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
        let freedom = points.len() as f64 - 2.0;
        Self {
            mean,
            slope,
            error: (residuals.sum::<f64>() / freedom / squares).sqrt(),
        }
    }
}

/// The means of eight parts. Samples that follow each other are alike, and would
/// make the error look smaller than it is.
fn blocks(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let length = points.len().div_ceil(8).max(1);
    points.chunks(length).map(mean).collect()
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
    let number = points.len() as f64;
    let sum = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>();
    (
        sum(|(at, _)| *at) / number,
        sum(|(_, value)| *value) / number,
    )
}

/// A table in Markdown: for each life the mean, and the growth per hour with its
/// standard error.
pub(super) fn table(lives: &[Life]) -> String {
    let mut text = String::from("| process, s |");
    for (name, ..) in QUANTITIES {
        write!(text, " {name} | per hour |").unwrap();
    }
    text.push_str("\n|---|");
    text.push_str(&"---|---|".repeat(QUANTITIES.len()));
    for life in lives {
        write!(text, "\n| {} |", life.length.as_secs()).unwrap();
        for Line { mean, slope, error } in life.fitted() {
            write!(text, " {mean:.1} |").unwrap();
            if life.length >= FITTED {
                write!(text, " {slope:+.1} ± {error:.1}").unwrap();
            }
            text.push_str(" |");
        }
    }
    text
}

#[test]
fn a_line_has_the_slope_of_its_points_and_an_error_if_they_are_not_on_it() {
    let line = Line::through(&[(1.0, 5.0), (2.0, 8.0), (3.0, 11.0)]);
    let expected = Line {
        mean: 8.0,
        slope: 3.0,
        error: 0.0,
    };
    assert_eq!(line, expected);
    let line = Line::through(&[(0.0, 1.0), (1.0, 3.0), (2.0, 1.0), (3.0, 3.0)]);
    assert!(line.slope > 0.0 && line.slope < line.error, "{line:?}");
}
