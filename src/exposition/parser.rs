//! A strict parser for tests and fuzzers of `OpenMetrics` 1.0 and 2.0, as far
//! as this exporter uses them, and of text 0.0.4 by the same rules. It rejects
//! what any parser may reject.

use std::collections::BTreeSet;

use super::Format;

pub(crate) mod composite;

/// Names and values.
type Labels = Vec<(String, String)>;

/// A sample as a scraper stores it.
pub(crate) type Series = (String, Labels);

/// Reads a page and returns its samples in order. Those of 2.0 are returned as
/// 1.0 has them.
pub(crate) fn parse(page: &str, format: Format) -> Result<Vec<(Series, f64)>, String> {
    let page = match format {
        Format::Text | Format::Protobuf => page,
        Format::OpenMetrics | Format::OpenMetrics2 => {
            page.strip_suffix("# EOF\n").ok_or("no EOF at the end")?
        }
    };
    let mut reader = Reader {
        format,
        ..Reader::default()
    };
    for line in page.split_terminator('\n') {
        reader
            .line(line)
            .map_err(|error| format!("{error}: {line}"))?;
    }
    reader.close()?;
    if !page.is_empty() && !page.ends_with('\n') {
        return Err("no line end at the end".into());
    }
    Ok(reader.samples)
}

struct Reader {
    format: Format,
    /// The words of the comments since the last sample.
    comments: Vec<String>,
    name: String,
    kind: String,
    families: BTreeSet<String>,
    seen: BTreeSet<Series>,
    samples: Vec<(Series, f64)>,
    of_family: usize,
    /// The last metric and those before it, which must not come again.
    metric: Option<Labels>,
    metrics: BTreeSet<Labels>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            format: Format::Text,
            comments: Vec::new(),
            name: String::new(),
            kind: String::new(),
            families: BTreeSet::new(),
            seen: BTreeSet::new(),
            samples: Vec::new(),
            of_family: 0,
            metric: None,
            metrics: BTreeSet::new(),
        }
    }
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        match line.strip_prefix("# ") {
            Some(comment) => self.comment(comment),
            None => self.sample(line),
        }
    }

    fn comment(&mut self, comment: &str) -> Result<(), String> {
        let mut words = comment.splitn(3, ' ');
        let (Some(word), Some(name), Some(rest)) = (words.next(), words.next(), words.next())
        else {
            return Err("not a comment of three words".into());
        };
        let order: &[&[&str]] = match self.format {
            Format::Text | Format::Protobuf => &[&["HELP", "TYPE"]],
            Format::OpenMetrics | Format::OpenMetrics2 => {
                &[&["TYPE", "UNIT", "HELP"], &["TYPE", "HELP"]]
            }
        };
        if word == order[0][0] {
            self.close()?;
            if !self.families.insert(name.to_owned()) {
                return Err("a family comes twice".into());
            }
            name.clone_into(&mut self.name);
            self.comments.clear();
            self.of_family = 0;
            self.metric = None;
            self.metrics.clear();
        } else if name != self.name || self.of_family > 0 {
            return Err("a comment out of place".into());
        }
        match word {
            "TYPE" => rest.clone_into(&mut self.kind),
            "UNIT" if !self.base_name().ends_with(&format!("_{rest}")) => {
                return Err("not the unit".into());
            }
            "HELP" => {
                unescape(rest, self.format != Format::Text)?;
            }
            _ => {}
        }
        self.comments.push(word.to_owned());
        if order
            .iter()
            .any(|order| order.iter().zip(&self.comments).all(|(a, b)| a == b))
        {
            Ok(())
        } else {
            Err("comments in a wrong order".into())
        }
    }

    fn base_name(&self) -> &str {
        self.name.strip_suffix("_total").unwrap_or(&self.name)
    }

    /// A family without a sample must not be on a page.
    fn close(&self) -> Result<(), String> {
        if !self.name.is_empty() && self.of_family == 0 {
            return Err(format!("{} has no samples", self.name));
        }
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        if self.comments.len() < 2 {
            return Err("a sample without a header".into());
        }
        let name_end = line.find(['{', ' ']).ok_or("no name")?;
        let (name, rest) = line.split_at(name_end);
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        let value = value.strip_prefix(' ').ok_or("no value")?;
        if self.format == Format::OpenMetrics2 {
            return self.sample_of_2(name, labels, value);
        }
        let suffix = name.strip_prefix(self.base_name());
        let suffix = suffix.ok_or("a sample of another family")?;
        let created = self.format == Format::OpenMetrics;
        let allowed = match (self.kind.as_str(), suffix) {
            ("counter" | "summary" | "histogram", "_created") => created,
            ("gauge", "")
            | ("counter", "_total")
            | ("summary", "_sum" | "_count")
            | ("histogram", "_sum" | "_count" | "_bucket") => true,
            _ => false,
        };
        if !allowed {
            return Err(format!("a sample {suffix} of a {}", self.kind));
        }
        self.add(name.to_owned(), labels, number(value)?)
    }

    /// A sample of 2.0 has the name of its family, and may have a start
    /// timestamp, which is `_created` in 1.0.
    fn sample_of_2(&mut self, name: &str, labels: Labels, rest: &str) -> Result<(), String> {
        if name != self.name {
            return Err("a sample of another family".into());
        }
        let (value, start) = match rest.split_once(" st@") {
            Some((value, start)) => (value, Some(number(start)?)),
            None => (rest, None),
        };
        let composite = value
            .strip_prefix('{')
            .and_then(|value| value.strip_suffix('}'));
        match (self.kind.as_str(), composite) {
            ("gauge", None) if start.is_some() => return Err("a gauge with a start".into()),
            ("gauge" | "counter", None) => {
                self.add(name.to_owned(), labels.clone(), number(value)?)?;
            }
            ("histogram", Some(composite)) => {
                for (suffix, bound, number) in composite::Histogram::parse(composite)?.parts() {
                    let bound = bound.map(|bound| ("le".to_owned(), bound));
                    let labels = labels.iter().cloned().chain(bound);
                    self.add(format!("{name}{suffix}"), labels.collect(), number)?;
                }
            }
            (kind, _) => return Err(format!("not a value of a {kind}")),
        }
        if let Some(start) = start {
            self.add(format!("{}_created", self.base_name()), labels, start)?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, labels: Labels, number: f64) -> Result<(), String> {
        let names: BTreeSet<_> = labels.iter().map(|(name, _)| name).collect();
        if names.len() < labels.len() {
            return Err("a label comes twice".into());
        }
        self.adjacent(&labels)?;
        let mut sorted = labels;
        sorted.sort();
        let series = (name, sorted);
        if !self.seen.insert(series.clone()) {
            return Err("a series comes twice".into());
        }
        self.of_family += 1;
        self.samples.push((series, number));
        Ok(())
    }

    /// The samples of one metric are contiguous.
    fn adjacent(&mut self, labels: &[(String, String)]) -> Result<(), String> {
        let identity = labels.iter().filter(|(name, _)| name != "le").cloned();
        let identity: Vec<_> = identity.collect();
        if self.metric.as_ref() != Some(&identity) {
            if !self.metrics.insert(identity.clone()) {
                return Err("the samples of a metric are apart".into());
            }
            self.metric = Some(identity);
        }
        Ok(())
    }
}

fn number(text: &str) -> Result<f64, String> {
    let is_finite = |text: &str| {
        let mut letters = text.bytes();
        letters.all(|letter| letter.is_ascii_digit() || b"+-.e".contains(&letter))
    };
    match text {
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        _ if is_finite(text) => text.parse().map_err(|_| "not a number".into()),
        _ => Err("not a number".into()),
    }
}

/// Reads labels up to the closing brace; returns them and what follows.
fn labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("no label")?;
        let mut letters = name.bytes();
        let first = letters.next().ok_or("no label name")?;
        if !(first.is_ascii_alphabetic() || first == b'_')
            || !letters.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return Err("not a label name".into());
        }
        let mut escaped = false;
        let end = after.find(|letter| match (letter, escaped) {
            ('"', false) => true,
            (letter, _) => {
                escaped = letter == '\\' && !escaped;
                false
            }
        });
        let end = end.ok_or("a label value without an end")?;
        labels.push((name.to_owned(), unescape(&after[..end], true)?));
        let after = &after[end + 1..];
        if let Some(after) = after.strip_prefix('}') {
            return Ok((labels, after));
        }
        rest = after.strip_prefix(',').ok_or("no comma")?;
    }
}

fn unescape(text: &str, quotes: bool) -> Result<String, String> {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('\\') => plain.push('\\'),
                Some('"') if quotes => plain.push('"'),
                _ => return Err("an unknown escape".into()),
            },
            '"' if quotes => return Err("a bare quote".into()),
            letter => plain.push(letter),
        }
    }
    Ok(plain)
}
