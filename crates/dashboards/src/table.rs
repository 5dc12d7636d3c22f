//! A table: columns of labels, then one column for each query.

use serde_json::{Map, Value, json};

use crate::panel::{Panel, feed_link};
use crate::style::{LIGHT_BLUE, ORANGE, RED, Steps, mapping, state_mapping, thresholds};

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
    /// For the numbers of `query::state`.
    State,
    Texts(&'static [(&'static str, &'static str, &'static str)]),
    /// The query only decides which rows there are.
    Hidden,
}

pub(crate) struct Table {
    panel: Panel,
    /// Labels and the titles of their columns.
    labels: &'static [(&'static str, &'static str)],
    /// Titles of the columns of queries; `None` if hidden.
    columns: Vec<Option<&'static str>>,
}

impl Table {
    pub(crate) fn new(
        title: &str,
        description: &str,
        labels: &'static [(&'static str, &'static str)],
    ) -> Self {
        let mut panel = Panel::new("table", title, description).size(12, 8);
        panel.json["options"] = json!({
            "cellHeight": "sm",
            "footer": {
                "countRows": false, "enablePagination": false, "fields": "", "reducer": ["sum"],
                "show": false,
            },
            "showHeader": true, "sortBy": [],
        });
        panel.json["fieldConfig"]["defaults"]["custom"] = json!({
            "align": "auto", "cellOptions": {"type": "auto"}, "filterable": true, "inspect": false,
        });
        for (label, title) in labels {
            // A link to the tenant of a row is that of its own column.
            let job = matches!(*label, "job_id" | "workflow_id") && labels[0].0 == "tenant";
            if let Some(properties) = label_properties(label).filter(|_| !job) {
                panel = panel.override_field(title, &properties);
            }
        }
        Self {
            panel,
            labels,
            columns: Vec::new(),
        }
    }

    pub(crate) fn column(mut self, title: &'static str, format: Format, expression: &str) -> Self {
        self.panel = self.panel.target(json!({
            "expr": expression, "format": "table", "instant": true, "range": false,
        }));
        let hidden = matches!(format, Format::Hidden);
        self.columns.push((!hidden).then_some(title));
        let properties = properties(&format);
        if !properties.is_empty() {
            self.panel = self.panel.override_field(title, &properties);
        }
        self
    }

    /// Sorts by a column.
    pub(crate) fn sorted(mut self, title: &str, descending: bool) -> Self {
        let sort = json!([{"desc": descending, "displayName": title}]);
        self.panel = self.panel.option("sortBy", &sort);
        self
    }

    pub(crate) fn panel(self) -> Panel {
        let (mut hidden, mut order, mut names) = (Map::new(), Map::new(), Map::new());
        hidden.insert("Time".to_owned(), json!(true));
        // What Grafana cannot merge: a recorded series keeps its name.
        hidden.insert("__name__".to_owned(), json!(true));
        for (label, title) in self.labels {
            order.insert((*label).to_owned(), json!(order.len()));
            if label != title {
                names.insert((*label).to_owned(), json!(title));
            }
        }
        let merged = self.columns.len() > 1;
        for (column, letter) in self.columns.iter().zip('A'..='Z') {
            // Grafana names the values of a single query without a letter.
            let field = if merged {
                format!("Value #{letter}")
            } else {
                "Value".to_owned()
            };
            match column {
                Some(title) => {
                    order.insert(field.clone(), json!(order.len()));
                    names.insert(field, json!(title));
                }
                None => {
                    hidden.insert(field, json!(true));
                }
            }
        }
        let organize = json!({"id": "organize", "options": {
            "excludeByName": hidden, "includeByName": {}, "indexByName": order,
            "renameByName": names,
        }});
        let merge = json!({"id": "merge", "options": {}});
        let mut panel = self.panel;
        panel.json["transformations"] = if merged {
            json!([merge, organize])
        } else {
            json!([organize])
        };
        panel
    }
}

fn label_properties(label: &str) -> Option<Vec<(&'static str, Value)>> {
    let link = |title: &str, url: &str| {
        let link = json!({"targetBlank": true, "title": title, "url": url});
        Some(vec![("links", json!([link]))])
    };
    match label {
        "tenant" => link(
            "${__value.text} in Amperity",
            "https://${__value.raw}.amperity.com/",
        ),
        "job_id" | "workflow_id" => link(
            "Tenant ${tenant} in Amperity",
            "https://${tenant}.amperity.com/",
        ),
        "feed" => {
            let link = feed_link("Feed ${__value.text} in detail", "__data.fields");
            Some(vec![("links", json!([link]))])
        }
        "severity" => {
            let texts = [
                ("critical", "critical", RED),
                ("warning", "warning", ORANGE),
                ("info", "info", LIGHT_BLUE),
            ];
            let properties = [
                ("mappings", mapping(&texts)),
                ("custom.cellOptions", colored_text()),
                ("custom.width", json!(90)),
            ];
            Some(properties.into())
        }
        _ => None,
    }
}

fn colored_text() -> Value {
    json!({"type": "color-text"})
}

fn properties(format: &Format) -> Vec<(&'static str, Value)> {
    let percent = [("unit", json!("percentunit")), ("decimals", json!(1))];
    let colored = |steps| {
        [
            ("thresholds", thresholds(steps)),
            ("custom.cellOptions", colored_text()),
        ]
    };
    match format {
        Format::Plain | Format::Hidden => Vec::new(),
        Format::Unit(unit) => vec![("unit", json!(unit))],
        Format::Whole => vec![("decimals", json!(0))],
        Format::Percent => percent.into(),
        Format::PercentWithThresholds(steps) => {
            percent.into_iter().chain(colored(*steps)).collect()
        }
        Format::NumberWithThresholds(steps) => std::iter::once(("decimals", json!(0)))
            .chain(colored(*steps))
            .collect(),
        Format::State => vec![
            ("mappings", state_mapping()),
            ("custom.cellOptions", colored_text()),
            ("unit", json!("none")),
            ("custom.width", json!(110)),
        ],
        Format::Texts(texts) => vec![
            ("mappings", mapping(texts)),
            ("custom.cellOptions", colored_text()),
        ],
    }
}
