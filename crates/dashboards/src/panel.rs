//! One panel: what it shows, and how.

use serde_json::{Value, json};

use crate::query;
use crate::style::{NEUTRAL, Steps, mapping, state_mapping, thresholds};

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
    let variable = |name: &str| format!("&var-{name}=${{{labels}.{name}:percentencode}}");
    let variables: String = ["tenant", "table", "feed"].map(variable).concat();
    let url =
        format!("/d/amperity-feed?${{datasource:queryparam}}{variables}&${{__url_time_range}}");
    json!({"targetBlank": false, "title": title, "url": url})
}

const LEGEND: [&str; 2] = ["bottom", "list"];

impl Panel {
    pub(crate) fn new(kind: &str, title: &str, description: &str) -> Self {
        let json = json!({
            "datasource": datasource(),
            "description": description,
            "fieldConfig": {
                "defaults": {
                    "color": {"mode": "thresholds"}, "mappings": [], "noValue": "No data",
                    "thresholds": thresholds(NEUTRAL), "unit": "short",
                },
                "overrides": [],
            },
            "options": {},
            "targets": [],
            "title": title,
            "type": kind,
        });
        Self { json, size: (4, 4) }
    }

    /// One number.
    pub(crate) fn stat(title: &str, description: &str, expression: &str) -> Self {
        let mut panel = Self::new("stat", title, description);
        panel.json["options"] = json!({
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto",
            "orientation": "auto", "percentChangeColorMode": "standard",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "showPercentChange": false, "textMode": "value", "wideLayout": true,
        });
        panel.target(json!({
            "expr": expression, "format": "time_series", "instant": true, "range": false,
        }))
    }

    fn graph(title: &str, description: &str, custom: &Value) -> Self {
        let mut panel = Self::new("timeseries", title, description).size(8, 8);
        panel.json["options"] = json!({
            "legend": {
                "calcs": [], "displayMode": LEGEND[1], "placement": LEGEND[0], "showLegend": true,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        });
        let defaults = &mut panel.json["fieldConfig"]["defaults"];
        defaults["color"] = json!({"mode": "palette-classic-by-name"});
        defaults["custom"] = json!({
            "axisSoftMin": 0, "lineInterpolation": "linear", "pointSize": 5, "spanNulls": false,
            "thresholdsStyle": {"mode": "off"},
        });
        for (key, value) in custom.as_object().into_iter().flatten() {
            defaults["custom"][key] = value.clone();
        }
        panel
    }

    /// Lines over time.
    pub(crate) fn lines(title: &str, description: &str) -> Self {
        let custom = json!({
            "drawStyle": "line", "fillOpacity": 10, "lineWidth": 2, "showPoints": "never",
            "stacking": {"group": "A", "mode": "none"},
        });
        Self::graph(title, description, &custom)
    }

    /// Lines that keep a value until the next one.
    pub(crate) fn steps(title: &str, description: &str) -> Self {
        let mut panel = Self::lines(title, description);
        panel.json["fieldConfig"]["defaults"]["custom"]["lineInterpolation"] = json!("stepAfter");
        panel
    }

    /// Stacked bars over time.
    pub(crate) fn bars(title: &str, description: &str) -> Self {
        let custom = json!({
            "drawStyle": "bars", "fillOpacity": 70, "lineWidth": 1, "showPoints": "auto",
            "stacking": {"group": "A", "mode": "normal"},
        });
        Self::graph(title, description, &custom)
    }

    /// Horizontal bars, one for each series.
    pub(crate) fn ranking(title: &str, description: &str, legend: &str, expression: &str) -> Self {
        let mut panel = Self::new("bargauge", title, description);
        panel.json["options"] = json!({
            "displayMode": "basic",
            "legend": {
                "calcs": [], "displayMode": LEGEND[1], "placement": LEGEND[0], "showLegend": false,
            },
            "maxVizHeight": 300, "minVizHeight": 16, "minVizWidth": 8, "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "showUnfilled": true, "sizing": "auto", "valueMode": "text",
        });
        panel.json["fieldConfig"]["defaults"]["min"] = json!(0);
        panel.target(json!({
            "expr": expression, "format": "time_series", "instant": true, "range": false,
            "legendFormat": legend,
        }))
    }

    /// The numbers of `query::state` over time.
    pub(crate) fn states(title: &str, description: &str, legend: &str, expression: &str) -> Self {
        let mut panel = Self::new("state-timeline", title, description);
        panel.json["options"] = json!({
            "alignValue": "left",
            "legend": {"displayMode": LEGEND[1], "placement": LEGEND[0], "showLegend": false},
            "mergeValues": true, "rowHeight": 0.8, "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        });
        panel.json["fieldConfig"]["defaults"]["custom"] =
            json!({"fillOpacity": 80, "lineWidth": 0, "spanNulls": false});
        panel.with_states().series(legend, expression)
    }

    pub(crate) fn size(mut self, width: u64, height: u64) -> Self {
        self.size = (width, height);
        self
    }

    pub(crate) fn unit(self, unit: &str) -> Self {
        self.default("unit", &json!(unit))
    }

    /// What it shows when its queries find nothing.
    pub(crate) fn empty(self, text: &str) -> Self {
        self.default("noValue", &json!(text))
    }

    pub(crate) fn thresholds(self, steps: Steps) -> Self {
        self.default("thresholds", &thresholds(steps))
    }

    pub(crate) fn texts(self, texts: &[(&str, &str, &str)]) -> Self {
        self.default("mappings", &mapping(texts))
    }

    /// For the numbers of `query::state`.
    pub(crate) fn with_states(self) -> Self {
        self.default("mappings", &state_mapping()).unit("none")
    }

    /// A link of each series to the dashboard of its feed.
    pub(crate) fn linked_to_feed(self) -> Self {
        let link = feed_link("Feed in detail", "__field.labels");
        self.default("links", &json!([link]))
    }

    pub(crate) fn default(mut self, key: &str, value: &Value) -> Self {
        self.json["fieldConfig"]["defaults"][key] = value.clone();
        self
    }

    pub(crate) fn option(mut self, key: &str, value: &Value) -> Self {
        self.json["options"][key] = value.clone();
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
        let color = json!({"fixedColor": color, "mode": "fixed"});
        self.series(legend, expression)
            .override_field(legend, &[("color", color)])
    }

    /// A dashed series that the others are compared with.
    pub(crate) fn dashed(self, legend: &str, color: &str, expression: &str) -> Self {
        let color = json!({"fixedColor": color, "mode": "fixed"});
        let properties = [
            ("color", color),
            ("custom.lineStyle", json!({"dash": [8, 6], "fill": "dash"})),
            ("custom.fillOpacity", json!(0)),
        ];
        self.series(legend, expression)
            .override_field(legend, &properties)
    }

    /// Settings of one field.
    pub(crate) fn override_field(mut self, field: &str, properties: &[(&str, Value)]) -> Self {
        let properties: Vec<Value> = properties
            .iter()
            .map(|(id, value)| json!({"id": id, "value": value}))
            .collect();
        let matcher = json!({"id": "byName", "options": field});
        let overrides = self.json["fieldConfig"]["overrides"].as_array_mut();
        if let Some(overrides) = overrides {
            overrides.push(json!({"matcher": matcher, "properties": properties}));
        }
        self
    }

    /// Adds a query; they are named A, B, C in the order they are added.
    pub(crate) fn target(mut self, mut target: Value) -> Self {
        if let Some(targets) = self.json["targets"].as_array_mut() {
            let reference = ('A'..='Z').nth(targets.len());
            let expression = target["expr"].as_str().map(query::expand);
            target["expr"] = json!(expression);
            target["datasource"] = datasource();
            target["editorMode"] = json!("code");
            target["refId"] = json!(reference);
            targets.push(target);
        }
        self
    }
}
