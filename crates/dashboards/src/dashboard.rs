//! A dashboard: its variables, and its panels placed in rows.

use serde_json::{Value, json};

use crate::panel::Panel;

pub(crate) struct Dashboard {
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    /// The time range it opens with, up to now.
    pub(crate) from: &'static str,
    /// Those after the data source.
    pub(crate) variables: Vec<Value>,
    /// Titles and addresses of links outside of Grafana.
    pub(crate) links: &'static [(&'static str, &'static str)],
    /// Headings, empty for the panels at the top, and the panels under them.
    pub(crate) rows: Vec<(&'static str, Vec<Panel>)>,
}

impl Dashboard {
    pub(crate) fn json(self) -> Value {
        let mut variables = vec![json!({
            "current": {}, "hide": 0, "includeAll": false, "label": "Data source", "multi": false,
            "name": "datasource", "options": [], "query": "prometheus", "refresh": 1, "regex": "",
            "skipUrlSync": false, "type": "datasource",
        })];
        variables.extend(self.variables);
        // To the other dashboards first.
        let mut links = vec![json!({
            "asDropdown": false, "icon": "external link", "includeVars": true, "keepTime": true,
            "tags": ["amperity"], "targetBlank": false, "title": "Amperity", "tooltip": "",
            "type": "dashboards", "url": "",
        })];
        links.extend(self.links.iter().map(|(title, url)| {
            json!({
                "asDropdown": false, "icon": "external link", "includeVars": false,
                "keepTime": false, "tags": [], "targetBlank": true, "title": title, "tooltip": "",
                "type": "link", "url": url,
            })
        }));
        json!({
            "annotations": {"list": [{
                "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"},
                "enable": true, "hide": true, "iconColor": "#56B4E9",
                "name": "Annotations & Alerts", "type": "dashboard",
            }]},
            "description": self.description,
            "editable": true,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": null,
            "links": links,
            "panels": place(self.rows),
            "refresh": "1m",
            "schemaVersion": 39,
            "tags": ["amperity"],
            "templating": {"list": variables},
            "time": {"from": self.from, "to": "now"},
            "timepicker": {},
            "timezone": "",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        })
    }
}

/// Places panels from left to right, in lines as high as their highest panel.
fn place(rows: Vec<(&'static str, Vec<Panel>)>) -> Vec<Value> {
    const WIDTH: u64 = 24;
    let mut placed = Vec::new();
    let (mut y, mut height) = (0, 0);
    for (title, panels) in rows {
        (y, height) = (y + height, 0);
        let mut x = 0;
        if !title.is_empty() {
            placed.push(json!({
                "collapsed": false, "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
                "id": placed.len() + 1, "panels": [], "title": title, "type": "row",
            }));
            y += 1;
        }
        for panel in panels {
            let (w, h) = panel.size;
            if x + w > WIDTH {
                (x, y, height) = (0, y + height, 0);
            }
            let mut json = panel.json;
            json["gridPos"] = json!({"h": h, "w": w, "x": x, "y": y});
            json["id"] = json!(placed.len() + 1);
            placed.push(json);
            (x, height) = (x + w, height.max(h));
        }
    }
    placed
}

/// A variable with the values of a label.
pub(crate) fn variable(name: &str, label: &str, series: &str) -> Value {
    let query = format!("label_values({series}, {name})");
    json!({
        "current": {}, "datasource": crate::panel::datasource(), "definition": query, "hide": 0,
        "includeAll": false, "label": label, "multi": false, "name": name, "options": [],
        "query": {
            "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery",
        },
        "refresh": 2, "regex": "", "skipUrlSync": false, "sort": 1, "type": "query",
    })
}

/// A variable of which several values can be chosen, or all.
pub(crate) fn multiple(mut variable: Value) -> Value {
    variable["allValue"] = json!(".+");
    variable["current"] = json!({"selected": true, "text": ["All"], "value": ["$__all"]});
    variable["includeAll"] = json!(true);
    variable["multi"] = json!(true);
    variable
}

/// A variable that only links need.
pub(crate) fn hidden(mut variable: Value) -> Value {
    variable["hide"] = json!(2);
    variable
}
