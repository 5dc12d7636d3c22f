//! `/sd`: Prometheus HTTP service discovery, one target group per tenant.
//!
//! Each target is this exporter's `/metrics?tenant=T`, so that relabelling
//! can distribute the tenants over several exporters with the same
//! configuration: `__param_tenant` selects the tenant, `instance` is its name,
//! and `__address__` can be rewritten.

use std::sync::Arc;

use serde::Serialize;

#[derive(Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: Labels<'a>,
}

#[derive(Serialize)]
struct Labels<'a> {
    #[serde(rename = "__meta_amperity_tenant")]
    meta: &'a str,
    #[serde(rename = "__metrics_path__")]
    path: &'a str,
    #[serde(rename = "__param_tenant")]
    parameter: &'a str,
    instance: &'a str,
}

/// The targets for a client that connected to `host`, with the metrics at
/// `path`.
pub(super) fn document(host: &str, path: &str, tenants: &[Arc<str>]) -> String {
    let groups: Vec<Group<'_>> = tenants
        .iter()
        .map(|tenant| Group {
            targets: [host],
            labels: Labels {
                meta: tenant,
                path,
                parameter: tenant,
                instance: tenant,
            },
        })
        .collect();
    // Serializing strings and structs cannot fail.
    serde_json::to_string(&groups).unwrap_or_else(|_| "[]".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_one_group_per_tenant() {
        let tenants = ["acme".into(), "sock\"town".into()];
        insta::assert_snapshot!(document("exporter:10109", "/metrics", &tenants), @r#"[{"targets":["exporter:10109"],"labels":{"__meta_amperity_tenant":"acme","__metrics_path__":"/metrics","__param_tenant":"acme","instance":"acme"}},{"targets":["exporter:10109"],"labels":{"__meta_amperity_tenant":"sock\"town","__metrics_path__":"/metrics","__param_tenant":"sock\"town","instance":"sock\"town"}}]"#);
    }

    #[test]
    fn without_tenants_the_document_is_an_empty_list() {
        assert_eq!(document("exporter:10109", "/metrics", &[]), "[]");
    }
}
