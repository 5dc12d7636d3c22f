//! Which metrics and labels an expression of Prometheus speaks of: just
//! enough of its grammar for that. `promtool` knows the rest.

use std::collections::BTreeSet;

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
    /// Of `by (…)`, `on (…)` and their like.
    pub(super) grouping: BTreeSet<String>,
}

const LISTS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Sign(char),
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_:$".contains(letter)
}

/// Words and signs; strings, numbers and ranges are left out.
fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            let end = rest[1..].replace("\\\"", "__").find('"').unwrap();
            end + 2
        } else if first == '[' {
            rest.find(']').unwrap() + 1
        } else if is_word(first) {
            rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        if is_word(first) && !first.is_ascii_digit() {
            tokens.push(Token::Word(token.to_owned()));
        } else if !first.is_whitespace() && !is_word(first) && !"\"[".contains(first) {
            tokens.push(Token::Sign(first));
        }
        rest = after;
    }
    tokens
}

/// The words up to the closing sign, and how many tokens they take.
fn words_until(tokens: &[Token], end: char) -> (BTreeSet<String>, usize) {
    let length = tokens
        .iter()
        .position(|token| *token == Token::Sign(end))
        .unwrap();
    let words = tokens[..length].iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.clone()),
        Token::Sign(_) => None,
    });
    (words.collect(), length + 1)
}

/// Reads an expression.
pub(super) fn names(expression: &str) -> Names {
    let tokens = tokens(expression);
    let mut names = Names::default();
    let mut at = 0;
    while at < tokens.len() {
        let Token::Word(word) = &tokens[at] else {
            at += 1;
            continue;
        };
        at += 1;
        let next = tokens.get(at);
        let called = next == Some(&Token::Sign('('));
        if LISTS.contains(&word.as_str()) {
            if called {
                let (labels, length) = words_until(&tokens[at + 1..], ')');
                names.grouping.extend(labels);
                at += 1 + length;
            }
        } else if next == Some(&Token::Sign('{')) {
            let (labels, length) = words_until(&tokens[at + 1..], '}');
            let metric = word.clone();
            names.selectors.push(Selector { metric, labels });
            at += 1 + length;
        } else if !called && !WORDS.contains(&word.as_str()) && !is_aggregation(&tokens, at) {
            let metric = word.clone();
            let labels = BTreeSet::new();
            names.selectors.push(Selector { metric, labels });
        }
    }
    names
}

/// `sum by (…) (…)`: the word before `by` is no metric.
fn is_aggregation(tokens: &[Token], at: usize) -> bool {
    let lists = ["by", "without"];
    matches!(tokens.get(at), Some(Token::Word(word)) if lists.contains(&word.as_str()))
}

#[test]
fn an_expression_gives_its_metrics_their_labels_and_those_it_groups_by() {
    let names = names(
        r#"max by (tenant) (rate(a_total{code=~"4..|{x}",tenant="$tenant"}[5m] offset 5m))
           / on (feed) group_left () (b:c > 0) and d unless ignoring(state) scalar(e{})"#,
    );
    let selectors: Vec<_> = names
        .selectors
        .iter()
        .map(|selector| (selector.metric.as_str(), selector.labels.len()))
        .collect();
    assert_eq!(selectors, [("a_total", 2), ("b:c", 0), ("d", 0), ("e", 0)]);
    assert_eq!(Vec::from_iter(&names.grouping), ["feed", "state", "tenant"]);
}
