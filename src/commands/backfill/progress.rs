//! The progress line of a backfill.

use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;

/// Steps between two progress lines.
const PROGRESS: u64 = 500;

/// A line on the terminal that says how far it is.
pub(super) struct Progress {
    until: Option<Timestamp>,
    is_shown: bool,
    steps: u64,
    pub(super) samples: u64,
}

impl Progress {
    pub(super) fn new(until: Option<Timestamp>) -> Self {
        Self {
            until,
            is_shown: io::stderr().is_terminal(),
            steps: 0,
            samples: 0,
        }
    }

    pub(super) fn step(&mut self, time: Timestamp) {
        self.steps += 1;
        if self.is_shown && self.steps.is_multiple_of(PROGRESS) {
            let until = self
                .until
                .map_or(String::new(), |until| format!(" of {until:.0}"));
            let samples = self.samples;
            // A terminal that is gone does not matter.
            let _ = write!(io::stderr(), "\r{time:.0}{until}, {samples} samples ");
        }
    }

    pub(super) fn end(&self) {
        if self.is_shown {
            let (steps, samples) = (self.steps, self.samples);
            let _ = writeln!(
                io::stderr(),
                "\r{samples} samples in {steps} steps            "
            );
        }
    }
}
