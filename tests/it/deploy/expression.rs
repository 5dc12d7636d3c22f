//! The metrics and labels that a query names.

use std::collections::BTreeSet;
use std::convert::Infallible;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

/// One metric of an expression, with the labels its selector names.
#[derive(Debug, PartialEq)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) labels: BTreeSet<String>,
}

/// What an expression names.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names {
    pub(super) selectors: Vec<Selector>,
    /// Of `by (…)`, `on (…)`, `group_left (…)`.
    pub(super) grouping: BTreeSet<String>,
}

impl Names {
    fn select(&mut self, selector: &VectorSelector) {
        let (names, labels): (Vec<&Matcher>, Vec<&Matcher>) = selector
            .matchers
            .matchers
            .iter()
            .partition(|matcher| matcher.name == "__name__");
        let labels: BTreeSet<String> = labels.iter().map(|label| label.name.clone()).collect();
        let mut metrics: Vec<String> = selector.name.iter().cloned().collect();
        for matcher in names {
            let MatchOp::Re(pattern) = &matcher.op else {
                panic!("{matcher}: only a pattern of names is expected");
            };
            let families = super::catalogue().into_keys();
            metrics.extend(families.filter(|name| pattern.is_match(name)));
        }
        assert!(!metrics.is_empty(), "{selector}: no such metric");
        self.selectors.extend(metrics.into_iter().map(|metric| {
            let labels = labels.clone();
            Selector { metric, labels }
        }));
    }

    fn group(&mut self, modifier: Option<&LabelModifier>) {
        let labels = modifier
            .into_iter()
            .flat_map(|found| &found.labels().labels);
        self.grouping.extend(labels.cloned());
    }
}

impl ExprVisitor for Names {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        match expression {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(selector) => self.select(&selector.vs),
            Expr::Aggregate(aggregate) => {
                self.group(aggregate.modifier.as_ref());
                // The visitor leaves out the parameter, as of topk.
                if let Some(parameter) = &aggregate.param {
                    walk_expr(self, parameter)?;
                }
            }
            Expr::Binary(binary) => {
                let modifier = binary.modifier.as_ref();
                self.group(modifier.and_then(|modifier| modifier.matching.as_ref()));
                let included = modifier.and_then(|modifier| modifier.card.labels());
                let included = included.into_iter().flat_map(|found| &found.labels);
                self.grouping.extend(included.cloned());
            }
            _ => {}
        }
        Ok(true)
    }
}

/// Reads an expression; Grafana's variables in it may stand for durations.
pub(super) fn names(expression: &str) -> Names {
    let plain = expression
        .replace("$__rate_interval", "5m")
        .replace("$__interval", "5m")
        .replace("$__range", "1d");
    let parsed = parser::parse(&plain).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let mut names = Names::default();
    match walk_expr(&mut names, &parsed) {
        Ok(_) => names,
    }
}

#[test]
fn an_expression_names_metrics_with_labels_and_groupings() {
    let names = names(
        r#"topk by (tenant) (scalar(e), rate(a_total{code=~"4..|{x}",tenant="$tenant"}[5m] offset 5m))
           / on (feed) group_left (table) (b:c > 0) and d unless ignoring(state)
           {__name__=~"amperity_up|amperity_feed_state",job="x"}"#,
    );
    let selectors: Vec<_> = names
        .selectors
        .iter()
        .map(|selector| (selector.metric.as_str(), selector.labels.len()))
        .collect();
    let expected = [
        ("e", 0),
        ("a_total", 2),
        ("b:c", 0),
        ("d", 0),
        ("amperity_feed_state", 1),
        ("amperity_up", 1),
    ];
    assert_eq!(selectors, expected);
    let grouping = Vec::from_iter(&names.grouping);
    assert_eq!(grouping, ["feed", "state", "table", "tenant"]);
}
