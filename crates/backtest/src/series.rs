//! Samples on their way to `promtool test rules`: series by series, as runs
//! of equal or evenly growing values.

use std::collections::HashMap;
use std::fmt::Write as _;

/// The series of one stretch of time.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// Times in the series are seconds since this one.
    origin: f64,
    step: f64,
    steps: usize,
    by_name: HashMap<Vec<u8>, Values>,
}

/// The values of one series in promtool's notation, and the run that goes on.
#[derive(Debug, Default)]
struct Values {
    written: String,
    /// The step after the last sample.
    next: usize,
    first: f64,
    delta: f64,
    count: usize,
}

impl Series {
    /// An empty stretch that begins at a time in seconds since 1970.
    pub(crate) fn new(origin: i64, step: i64) -> Self {
        Self {
            origin: origin as f64,
            step: step as f64,
            ..Self::default()
        }
    }

    /// Takes in the lines `name{labels} value time` of one step.
    pub(crate) fn take(&mut self, lines: &[u8]) {
        let lines = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        for line in lines.filter(|line| line[0] != b'#') {
            self.take_line(line);
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        let space = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b' ');
        let Some(second) = space(line) else { return };
        let Some(first) = space(&line[..second]) else {
            return;
        };
        let number = |bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse::<f64>().ok())
        };
        let (Some(mut value), Some(time)) = (
            number(&line[first + 1..second]),
            number(&line[second + 1..]),
        ) else {
            return;
        };
        let name = &line[..first];
        let step = ((time - self.origin) / self.step).round() as usize;
        self.steps = self.steps.max(step + 1);
        // For promtool time begins with 1970.
        let family = name.split(|byte| *byte == b'{').next().unwrap_or_default();
        if family.ends_with(b"_timestamp_seconds") {
            value -= self.origin;
        }
        if let Some(values) = self.by_name.get_mut(name) {
            values.push(step, value);
        } else {
            let mut values = Values::default();
            values.push(step, value);
            self.by_name.insert(name.to_vec(), values);
        }
    }

    /// The steps of this stretch.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// The `input_series` of a rule test.
    pub(crate) fn write(mut self) -> String {
        let mut out = String::new();
        let mut names: Vec<_> = self.by_name.keys().cloned().collect();
        names.sort();
        for name in names {
            if let Some(mut values) = self.by_name.remove(&name) {
                values.flush();
                values.skip_to(self.steps.min(values.next + 1));
                let name = String::from_utf8_lossy(&name).replace('\'', "''");
                let _ = writeln!(
                    out,
                    "  - series: '{name}'\n    values: '{}'",
                    values.written.trim_end()
                );
            }
        }
        out
    }
}

impl Values {
    fn push(&mut self, step: usize, value: f64) {
        if step == self.next && self.count > 0 {
            let delta = value - (self.first + self.delta * (self.count as f64 - 1.0));
            let is_even = delta == self.delta
                || (self.count == 1 && delta.fract() == 0.0 && value.fract() == 0.0);
            if is_even {
                self.delta = delta;
                self.count += 1;
                self.next += 1;
                return;
            }
        }
        self.flush();
        self.skip_to(step);
        (self.first, self.delta, self.count, self.next) = (value, 0.0, 1, step + 1);
    }

    /// Steps without a sample. The first one after a sample is stale, as in a scrape
    /// that does not have the series any more.
    fn skip_to(&mut self, step: usize) {
        if self.next > 0 && step > self.next {
            self.written.push_str("stale ");
            self.next += 1;
        }
        if step > self.next {
            let _ = write!(self.written, "_x{} ", step - self.next);
        }
        self.next = step;
    }

    fn flush(&mut self) {
        if self.count > 0 {
            let _ = write!(
                self.written,
                "{}{:+}x{} ",
                self.first,
                self.delta,
                self.count - 1
            );
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_and_even_values_become_runs_and_gaps_begin_stale() {
        let mut series = Series::new(1000, 60);
        for (step, value) in [(0, 5.0), (1, 5.0), (2, 5.0), (4, 7.5), (5, 7.5), (6, 8.0)] {
            series.take(format!("a{{b=\"c d\"}} {value} {}\n", 1000 + step * 60).as_bytes());
        }
        for step in 1..4 {
            series.take(
                format!("x_timestamp_seconds{{b=\"c\"}} {0} {0}\n", 1000 + step * 60).as_bytes(),
            );
        }
        assert_eq!(series.steps(), 7);
        assert_eq!(
            series.write(),
            "  - series: 'a{b=\"c d\"}'\n    values: '5+0x2 stale 7.5+0x1 8+0x0'\n  \
             - series: 'x_timestamp_seconds{b=\"c\"}'\n    values: '_x1 60+60x2 stale'\n"
        );
    }
}
