//! A strict parser for tests and fuzzers, of `OpenMetrics` 1.0, as far as this exporter uses it, and
//! of text 0.0.4 by the same rules. It rejects what any parser may reject.

use std::collections::BTreeSet;

use super::Format;

/// Names and values.
type Labels = Vec<(String, String)>;

/// A sample as a scraper stores it.
pub(crate) type Series = (String, Labels);

/// Reads a page and returns its samples in order.
pub(crate) fn parse(page: &str, format: Format) -> Result<Vec<(Series, f64)>, String> {
    let page = match format {
        Format::Text | Format::Protobuf => page,
        Format::OpenMetrics => page.strip_suffix("# EOF\n").ok_or("no EOF at the end")?,
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
        let first = match self.format {
            Format::Text | Format::Protobuf => "HELP",
            Format::OpenMetrics => "TYPE",
        };
        if word == first {
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
            "UNIT" if !name.ends_with(&format!("_{rest}")) => return Err("not the unit".into()),
            "HELP" => {
                unescape(rest, self.format == Format::OpenMetrics)?;
            }
            _ => {}
        }
        self.comments.push(word.to_owned());
        let order: &[&[&str]] = match self.format {
            Format::Text | Format::Protobuf => &[&["HELP", "TYPE"]],
            Format::OpenMetrics => &[&["TYPE", "UNIT", "HELP"], &["TYPE", "HELP"]],
        };
        if order
            .iter()
            .any(|order| order.iter().zip(&self.comments).all(|(a, b)| a == b))
        {
            Ok(())
        } else {
            Err("comments in a wrong order".into())
        }
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
        let number: f64 = match value {
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            _ if value
                .bytes()
                .all(|b| b.is_ascii_digit() || b"+-.e".contains(&b)) =>
            {
                value.parse().map_err(|_| "not a number")?
            }
            _ => return Err("not a number".into()),
        };
        let base = self.name.strip_suffix("_total").unwrap_or(&self.name);
        let suffix = name
            .strip_prefix(base)
            .ok_or("a sample of another family")?;
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
        let names: BTreeSet<_> = labels.iter().map(|(name, _)| name).collect();
        if names.len() < labels.len() {
            return Err("a label comes twice".into());
        }
        self.adjacent(&labels)?;
        let mut sorted = labels;
        sorted.sort();
        let series = (name.to_owned(), sorted);
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
