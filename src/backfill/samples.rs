//! Sample lines of a page with the time they belong to.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::config::Pattern;
use crate::exposition::{Samples, write_label};

/// Which families are written; all, if none is named.
#[derive(Clone, Debug, Default)]
pub struct Families(Vec<Pattern>);

impl Families {
    /// Names of families, or patterns of names.
    #[must_use]
    pub fn new<T: AsRef<str>>(patterns: &[T]) -> Self {
        let patterns = patterns.iter().map(|text| Pattern::new(text.as_ref()));
        Self(patterns.collect())
    }

    fn contains(&self, family: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(family))
    }
}

/// Writes the lines of one step: the exporter's own, with `labels` before the
/// others and the time behind the value. Returns how many.
pub(super) fn write(
    out: &mut impl Write,
    lines: &Samples,
    families: &Families,
    labels: &Labels,
    time: Timestamp,
) -> io::Result<u64> {
    let mut samples = 0;
    let mut end = Vec::with_capacity(16);
    writeln!(end, " {}", time.as_second())?;
    for (_, text) in lines
        .by_family()
        .filter(|(name, _)| families.contains(name))
    {
        for line in text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            // Every series has the label `tenant`: the first brace opens them.
            let brace = line
                .iter()
                .position(|byte| *byte == b'{')
                .map_or(0, |brace| brace + 1);
            out.write_all(&line[..brace])?;
            out.write_all(&labels.0)?;
            out.write_all(&line[brace..])?;
            out.write_all(&end)?;
            samples += 1;
        }
    }
    Ok(samples)
}

/// Labels that stand before the exporter's own, such as `job` and `instance`.
#[derive(Clone, Debug, Default)]
pub struct Labels(Vec<u8>);

impl Labels {
    /// Names and values.
    #[must_use]
    pub fn new(labels: &[(String, String)]) -> Self {
        let mut text = Vec::new();
        for (name, value) in labels {
            write_label(&mut text, name, value);
            text.push(b',');
        }
        Self(text)
    }
}
