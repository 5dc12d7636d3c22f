//! A table: columns of labels, then one column for each query.

use serde_json::{Map, Value, json};

use crate::panel::{Panel, feed_link, workflow_link};
use crate::style::{LIGHT_BLUE, ORANGE, PROBLEMS, RED, Steps, Text, mapping, thresholds};

/// How the values of a column are shown.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    /// By the unit of the panel.
    Plain,
    Unit(&'static str),
    /// Whole numbers.
    Whole,
    Percent,
    PercentWithThresholds(Steps),
    NumberWithThresholds(Steps),
    Texts(&'static [Text]),
    /// The query only decides which rows there are.
    Hidden,
}

/// A label and the title of its column.
pub(crate) type Label = (&'static str, &'static str);

pub(crate) struct Table {
    panel: Panel,
    labels: &'static [Label],
    /// Titles of the columns of queries; `None` if hidden.
    columns: Vec<Option<&'static str>>,
}

impl Table {
    pub(crate) fn new(title: &str, description: &str, labels: &'static [Label]) -> Self {
        let footer = json!({
            "countRows": false, "enablePagination": false, "fields": "", "reducer": ["sum"],
            "show": false,
        });
        let custom = json!({
            "align": "auto", "cellOptions": {"type": "auto"}, "filterable": true, "inspect": false,
        });
        let mut panel = Panel::new("table", title, description)
            .options(json!({"cellHeight": "sm", "footer": footer, "showHeader": true, "sortBy": []}))
            .default("custom", custom);
        for (label, title) in labels {
            if let Some(properties) = label_properties(label, labels) {
                panel = panel.override_field(title, &properties);
            }
        }
        Self { panel, labels, columns: Vec::new() }
    }

    pub(crate) fn column(mut self, title: &'static str, format: Format, expression: &str) -> Self {
        self.panel = self.panel.target(json!({
            "expr": expression, "format": "table", "instant": true, "range": false,
        }));
        let hidden = matches!(format, Format::Hidden);
        self.columns.push((!hidden).then_some(title));
        let properties = properties(format);
        if !properties.is_empty() {
            self.panel = self.panel.override_field(title, &properties);
        }
        self
    }

    /// Sorts by a column.
    pub(crate) fn sorted(mut self, title: &str, descending: bool) -> Self {
        let sort = json!([{"desc": descending, "displayName": title}]);
        self.panel = self.panel.options(json!({"sortBy": sort}));
        self
    }

    pub(crate) fn panel(self) -> Panel {
        let (mut hidden, mut order, mut names) = (Map::new(), Map::new(), Map::new());
        for field in ["Time", "__name__"] {
            hidden.insert(field.to_owned(), json!(true));
        }
        for (label, title) in self.labels {
            order.insert((*label).to_owned(), json!(order.len()));
            if label != title {
                names.insert((*label).to_owned(), json!(title));
            }
        }
        let merged = self.columns.len() > 1;
        for (column, letter) in self.columns.iter().zip('A'..='Z') {
            // Grafana names the values of a single query without a letter.
            let field = if merged { format!("Value #{letter}") } else { "Value".to_owned() };
            if let Some(title) = column {
                order.insert(field.clone(), json!(order.len()));
                names.insert(field, json!(title));
            } else {
                hidden.insert(field, json!(true));
            }
        }
        let organize = json!({"id": "organize", "options": {
            "excludeByName": hidden, "includeByName": {}, "indexByName": order,
            "renameByName": names,
        }});
        let merge = json!({"id": "merge", "options": {}});
        let mut panel = self.panel;
        panel.json["transformations"] = if merged { json!([merge, organize]) } else { json!([organize]) };
        panel
    }
}

fn colored_text() -> (&'static str, Value) {
    ("custom.cellOptions", json!({"type": "color-text"}))
}

fn label_properties(label: &str, labels: &[Label]) -> Option<Vec<(&'static str, Value)>> {
    const SEVERITIES: &[Text] = &[
        ("critical", "critical", RED),
        ("warning", "warning", ORANGE),
        ("info", "info", LIGHT_BLUE),
        ("none", "muted", "#999999"),
    ];
    let link = |title: &str, url: &str| ("links", json!([{"targetBlank": true, "title": title, "url": url}]));
    let has = |name: &str| labels.iter().any(|(label, _)| *label == name);
    let properties = match label {
        "tenant" => {
            vec![link("${__value.text} in Amperity", "https://${__value.raw}.amperity.com/")]
        }
        "workflow_id" if has("url") => {
            vec![link("Run ${__value.text} in Amperity", "${__data.fields.url:raw}")]
        }
        // For the link of another column.
        "url" => vec![("custom.hidden", json!(true))],
        // A link to the tenant of a row is that of its own column.
        "job_id" | "workflow_id" if has("tenant") => return None,
        "job_id" | "workflow_id" => {
            vec![link("Tenant ${tenant} in Amperity", "https://${tenant}.amperity.com/")]
        }
        "feed" => vec![("links", json!([feed_link("Feed ${__value.text} in detail", "__data.fields")]))],
        "workflow" => {
            let columns: Vec<&str> = labels.iter().map(|(label, _)| *label).collect();
            vec![("links", json!([workflow_link("Workflow ${__value.text} in detail", &columns)]))]
        }
        "severity" => {
            vec![("mappings", mapping(SEVERITIES)), colored_text(), ("custom.width", json!(90))]
        }
        "problem" => vec![
            ("mappings", mapping(PROBLEMS)),
            colored_text(),
            link("What to do", "${runbook}#amperityfeed${__value.raw}"),
        ],
        "alertname" => vec![link("What to do", "${runbook}#${__value.raw}")],
        _ => return None,
    };
    Some(properties)
}

fn properties(format: Format) -> Vec<(&'static str, Value)> {
    let percent = [("unit", json!("percentunit")), ("decimals", json!(1))];
    let whole = ("decimals", json!(0));
    match format {
        Format::Plain | Format::Hidden => Vec::new(),
        Format::Unit(unit) => vec![("unit", json!(unit))],
        Format::Whole => vec![whole],
        Format::Percent => percent.into(),
        Format::PercentWithThresholds(steps) => {
            let [unit, decimals] = percent;
            vec![unit, decimals, ("thresholds", thresholds(steps)), colored_text()]
        }
        Format::NumberWithThresholds(steps) => {
            vec![whole, ("thresholds", thresholds(steps)), colored_text()]
        }
        Format::Texts(texts) => {
            vec![("mappings", mapping(texts)), colored_text(), ("unit", json!("none")), ("custom.width", json!(110))]
        }
    }
}
