//! One panel: what it shows, and how.

use serde_json::{Value, json};

use crate::query::expand;
use crate::style::{BLUE, COUNT_TEXTS, GREY, STATES, Steps, Text, mapping, thresholds};

pub(crate) struct Panel {
    pub(crate) json: Value,
    /// Width, of 24, and height.
    pub(crate) size: (u64, u64),
}

/// The data source that the viewer chose.
pub(crate) fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// A link to the dashboard of one feed; `labels` is where Grafana finds them.
pub(crate) fn feed_link(title: &str, labels: &str) -> Value {
    let variables = ["tenant", "table", "feed"].map(|name| variable(name, &format!("{labels}.{name}")));
    link(title, "amperity-feed", &variables.concat())
}

/// A link of a table's row to the dashboard of one workflow. Of what is not
/// among the `columns`, the tenant is the one of the dashboard, and the type
/// the first one the workflow has.
pub(crate) fn workflow_link(title: &str, columns: &[&str]) -> Value {
    let of_row = |name: &&str| columns.contains(name);
    let names = ["tenant", "workflow", "type"].into_iter();
    let mut variables: String =
        names.filter(of_row).map(|name| variable(name, &format!("__data.fields.{name}"))).collect();
    if !of_row(&"tenant") {
        variables += &variable("tenant", "tenant");
    }
    link(title, "amperity-workflow", &variables)
}

fn variable(name: &str, value: &str) -> String {
    format!("&var-{name}=${{{value}:percentencode}}")
}

fn link(title: &str, dashboard: &str, variables: &str) -> Value {
    let url = format!("/d/{dashboard}?${{datasource:queryparam}}{variables}&${{__url_time_range}}");
    json!({"targetBlank": false, "title": title, "url": url})
}

/// Adds the fields of one object to another.
fn extend(object: &mut Value, fields: Value) {
    if let (Value::Object(object), Value::Object(fields)) = (object, fields) {
        object.extend(fields);
    }
}

fn legend(shown: bool) -> Value {
    json!({"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": shown})
}

/// Of panels that show one value of each series.
fn last_value() -> Value {
    json!({"calcs": ["lastNotNull"], "fields": "", "values": false})
}

fn instant(expression: &str) -> Value {
    json!({"expr": expression, "format": "time_series", "instant": true, "range": false})
}

fn fixed(color: &str) -> (&'static str, Value) {
    ("color", json!({"fixedColor": color, "mode": "fixed"}))
}

impl Panel {
    pub(crate) fn new(kind: &str, title: &str, description: &str) -> Self {
        let json = json!({
            "datasource": datasource(),
            "description": description,
            "fieldConfig": {
                "defaults": {
                    "color": {"mode": "thresholds"}, "mappings": [], "noValue": "No data",
                    "thresholds": thresholds((BLUE, &[])), "unit": "short",
                },
                "overrides": [],
            },
            "options": {},
            "targets": [],
            "title": title,
            "type": kind,
        });
        Self { json, size: (12, 8) }
    }

    /// One number.
    pub(crate) fn stat(title: &str, description: &str, expression: &str) -> Self {
        let options = json!({
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto",
            "orientation": "auto", "percentChangeColorMode": "standard",
            "reduceOptions": last_value(), "showPercentChange": false, "textMode": "value",
            "wideLayout": true,
        });
        Self::new("stat", title, description).options(options).target(instant(expression)).size(3, 4)
    }

    /// A number of `query::count`.
    pub(crate) fn count(title: &str, description: &str, problems: &str, steps: Steps) -> Self {
        Self::stat(title, description, &crate::query::count(problems)).unit("none").thresholds(steps).texts(COUNT_TEXTS)
    }

    fn graph(title: &str, description: &str, custom: Value) -> Self {
        let options = json!({"legend": legend(true), "tooltip": {"mode": "multi", "sort": "desc"}});
        let mut panel = Self::new("timeseries", title, description)
            .options(options)
            .default("color", json!({"mode": "palette-classic-by-name"}))
            .default(
                "custom",
                json!({
                    "axisSoftMin": 0, "lineInterpolation": "linear", "pointSize": 5,
                    "spanNulls": false, "thresholdsStyle": {"mode": "off"},
                }),
            );
        extend(&mut panel.json["fieldConfig"]["defaults"]["custom"], custom);
        panel
    }

    /// Lines over time.
    pub(crate) fn lines(title: &str, description: &str) -> Self {
        Self::graph(
            title,
            description,
            json!({
                "drawStyle": "line", "fillOpacity": 10, "lineWidth": 2, "showPoints": "never",
                "stacking": {"group": "A", "mode": "none"},
            }),
        )
    }

    /// Lines that keep a value until the next one.
    pub(crate) fn steps(title: &str, description: &str) -> Self {
        let mut panel = Self::lines(title, description);
        panel.json["fieldConfig"]["defaults"]["custom"]["lineInterpolation"] = json!("stepAfter");
        panel
    }

    /// Stacked bars over time.
    pub(crate) fn bars(title: &str, description: &str) -> Self {
        Self::graph(
            title,
            description,
            json!({
                "drawStyle": "bars", "fillOpacity": 70, "lineWidth": 1, "showPoints": "auto",
                "stacking": {"group": "A", "mode": "normal"},
            }),
        )
    }

    /// Horizontal bars, one for each series.
    pub(crate) fn ranking(title: &str, description: &str, name: &str, expression: &str) -> Self {
        let mut target = instant(expression);
        target["legendFormat"] = json!(name);
        let options = json!({
            "displayMode": "basic", "legend": legend(false), "maxVizHeight": 300,
            "minVizHeight": 16, "minVizWidth": 8, "namePlacement": "auto",
            "orientation": "horizontal", "reduceOptions": last_value(), "showUnfilled": true,
            "sizing": "auto", "valueMode": "text",
        });
        Self::new("bargauge", title, description).options(options).default("min", json!(0)).target(target)
    }

    /// Texts over time in place of numbers.
    pub(crate) fn states(title: &str, description: &str, name: &str, expression: &str) -> Self {
        let options = json!({
            "alignValue": "left", "legend": legend(false), "mergeValues": true, "perPage": 20,
            "rowHeight": 0.8, "showValue": "auto", "tooltip": {"mode": "single", "sort": "none"},
        });
        let custom = json!({"fillOpacity": 80, "lineWidth": 0, "spanNulls": false});
        let mut panel = Self::new("state-timeline", title, description)
            .options(options)
            .default("custom", custom)
            .unit("none")
            .texts(STATES)
            .series(name, expression);
        // Each point costs a query of all series.
        panel.json["maxDataPoints"] = json!(300);
        panel
    }

    pub(crate) fn size(mut self, width: u64, height: u64) -> Self {
        self.size = (width, height);
        self
    }

    pub(crate) fn unit(self, unit: &str) -> Self {
        self.default("unit", json!(unit))
    }

    /// What it shows when its queries find nothing.
    pub(crate) fn empty(self, text: &str) -> Self {
        self.default("noValue", json!(text))
    }

    pub(crate) fn thresholds(self, steps: Steps) -> Self {
        self.default("thresholds", thresholds(steps))
    }

    pub(crate) fn texts(self, texts: &[Text]) -> Self {
        self.default("mappings", mapping(texts))
    }

    /// A link of each series to the dashboard of its feed.
    pub(crate) fn linked_to_feed(self) -> Self {
        let link = feed_link("Feed in detail", "__field.labels");
        self.default("links", json!([link]))
    }

    pub(crate) fn default(mut self, key: &str, value: Value) -> Self {
        self.json["fieldConfig"]["defaults"][key] = value;
        self
    }

    pub(crate) fn options(mut self, options: Value) -> Self {
        extend(&mut self.json["options"], options);
        self
    }

    /// The least time between two points of a graph.
    pub(crate) fn interval(mut self, interval: &str) -> Self {
        self.json["interval"] = json!(interval);
        self
    }

    /// A series of a graph.
    pub(crate) fn series(self, legend: &str, expression: &str) -> Self {
        self.target(json!({
            "expr": expression, "format": "time_series", "instant": false, "range": true,
            "legendFormat": legend,
        }))
    }

    /// A series of a graph with a colour of its own.
    pub(crate) fn colored(self, legend: &str, color: &str, expression: &str) -> Self {
        self.series(legend, expression).override_field(legend, &[fixed(color)])
    }

    /// A dashed series that the others are compared with.
    pub(crate) fn dashed(self, legend: &str, color: &str, expression: &str) -> Self {
        let dashes = json!({"dash": [8, 6], "fill": "dash"});
        let properties = [fixed(color), ("custom.lineStyle", dashes), ("custom.fillOpacity", json!(0))];
        self.series(legend, expression).override_field(legend, &properties)
    }

    /// The area between two series, behind the others.
    pub(crate) fn band(self, [low, high]: [&str; 2], expressions: [&str; 2]) -> Self {
        let line = [fixed(GREY), ("custom.lineWidth", json!(1)), ("custom.fillOpacity", json!(0))];
        let [line_color, width, no_fill] = line;
        let fill = ("custom.fillBelowTo", json!(low));
        self.series(low, expressions[0])
            .override_field(low, &[line_color.clone(), width.clone(), no_fill])
            .series(high, expressions[1])
            .override_field(high, &[line_color, width, fill, ("custom.fillOpacity", json!(15))])
    }

    /// Settings of one field.
    pub(crate) fn override_field(mut self, field: &str, properties: &[(&str, Value)]) -> Self {
        let properties: Vec<Value> = properties.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        let matcher = json!({"id": "byName", "options": field});
        if let Some(overrides) = self.json["fieldConfig"]["overrides"].as_array_mut() {
            overrides.push(json!({"matcher": matcher, "properties": properties}));
        }
        self
    }

    /// Adds a query; they are named A, B, C in the order they are added.
    pub(crate) fn target(mut self, mut target: Value) -> Self {
        if let Some(targets) = self.json["targets"].as_array_mut() {
            target["expr"] = json!(target["expr"].as_str().map(expand));
            target["datasource"] = datasource();
            target["editorMode"] = json!("code");
            target["refId"] = json!(('A'..='Z').nth(targets.len()));
            targets.push(target);
        }
        self
    }
}
