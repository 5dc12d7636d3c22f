//! Names with `*`.

/// A name, or a pattern in which `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A name, or a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether it stands for this text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((prefix, rest)) = self.0.split_once('*') else {
            return self.0 == text;
        };
        let Some(mut text) = text.strip_prefix(prefix) else {
            return false;
        };
        let mut parts: Vec<&str> = rest.split('*').collect();
        let suffix = parts.pop().unwrap_or_default();
        for part in parts {
            let Some((_, after)) = text.split_once(part) else {
                return false;
            };
            text = after;
        }
        text.ends_with(suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
        for (pattern, text) in [
            ("Orders", "Orders"),
            ("Orders*", "Orders"),
            ("Orders*", "Orders EU"),
            ("*EU", "Orders EU"),
            ("*", ""),
            ("O*r*s", "Orders"),
            ("a**b", "ab"),
            ("a*ab", "aab"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("Orders", "orders"),
            ("Orders", "Orders "),
            ("Orders*", "Order"),
            ("a*a", "a"),
            ("*b*b", "b"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
