//! Which workflows are collected, by their types.

use super::pattern::Pattern;

/// The entries of `workflows.types`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowTypes(pub(super) Vec<Pattern>);

impl WorkflowTypes {
    /// The types that lead to ingest.
    pub(super) const DEFAULT: [&str; 5] = [
        "courier",
        "courier_group",
        "ingest*",
        "bridge_sync",
        "file_upload*",
    ];

    /// Types as they are configured.
    #[must_use]
    pub fn new<'a>(types: impl IntoIterator<Item = &'a str>) -> Self {
        let patterns = types
            .into_iter()
            .map(|text| Pattern::new(&short_type(text)));
        Self(patterns.collect())
    }

    /// Whether workflows of this type are collected; `workflow_type` is a value
    /// of the `type` label.
    #[must_use]
    pub fn include(&self, workflow_type: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(workflow_type))
    }
}

impl Default for WorkflowTypes {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

/// The value of the `type` label: the API's type without `amperity.` before it
/// and `/run` after it, in lower case, its words joined by underscores, a word
/// that repeats the one before left out. `courier.group/run` is
/// `courier_group`. A `*` stays, so that patterns are read in the same way.
#[must_use]
pub fn short_type(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let short = lower.strip_prefix("amperity.").unwrap_or(&lower);
    let short = short.strip_suffix("/run").unwrap_or(short);
    let is_separator = |letter: char| !letter.is_alphanumeric() && letter != '*';
    let mut words: Vec<&str> = short
        .split(is_separator)
        .filter(|word| !word.is_empty())
        .collect();
    words.dedup();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_shortened_and_stays_readable() {
        for (api, short) in [
            ("courier.group/run", "courier_group"),
            ("amperity.orchestration.orchestration/run", "orchestration"),
            ("campaign.send", "campaign_send"),
            ("bridge.sync", "bridge_sync"),
            ("courier", "courier"),
            ("Courier group", "courier_group"),
            ("something.new-type/other", "something_new_type_other"),
            ("courier.*", "courier_*"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(short_type(api), short, "{api}");
        }
    }

    #[test]
    fn types_are_given_as_the_api_or_the_label_has_them() {
        let default = WorkflowTypes::default();
        for included in [
            "courier",
            "courier_group",
            "ingest",
            "ingest_feed",
            "bridge_sync",
        ] {
            assert!(default.include(included), "{included}");
        }
        for other in ["campaign_send", "orchestration", "", "couriers"] {
            assert!(!default.include(other), "{other}");
        }
        let given = WorkflowTypes::new(["courier.group/run", "campaign.*"]);
        assert!(given.include("courier_group"));
        assert!(given.include("campaign_send"));
        assert!(!given.include("courier"));
        assert!(WorkflowTypes::new(["*"]).include(""));
    }
}
