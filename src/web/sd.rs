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
    #[serde(rename = "__scheme__", skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a str>,
    #[serde(rename = "__param_tenant")]
    parameter: &'a str,
    instance: &'a str,
}

/// How a client reaches the exporter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The address that it connected to.
    pub(super) address: &'a str,
    /// Whether it uses TLS.
    pub(super) https: bool,
    /// The path of the metrics page.
    pub(super) path: &'a str,
}

/// The targets of the tenants. Without `__scheme__` the scrape job's scheme is
/// used.
pub(super) fn document(target: Target<'_>, tenants: &[Arc<str>]) -> String {
    let groups: Vec<Group<'_>> = tenants
        .iter()
        .map(|tenant| Group {
            targets: [target.address],
            labels: Labels {
                meta: tenant,
                path: target.path,
                scheme: target.https.then_some("https"),
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

    fn target(https: bool) -> Target<'static> {
        Target {
            address: "exporter:10109",
            https,
            path: "/metrics",
        }
    }

    #[test]
    fn the_document_has_one_group_per_tenant() {
        let tenants = ["acme".into(), "sock\"town".into()];
        insta::assert_snapshot!(document(target(false), &tenants), @r#"[{"targets":["exporter:10109"],"labels":{"__meta_amperity_tenant":"acme","__metrics_path__":"/metrics","__param_tenant":"acme","instance":"acme"}},{"targets":["exporter:10109"],"labels":{"__meta_amperity_tenant":"sock\"town","__metrics_path__":"/metrics","__param_tenant":"sock\"town","instance":"sock\"town"}}]"#);
    }

    #[test]
    fn targets_use_tls_if_the_client_does() {
        let document = document(target(true), &["acme".into()]);
        insta::assert_snapshot!(document, @r#"[{"targets":["exporter:10109"],"labels":{"__meta_amperity_tenant":"acme","__metrics_path__":"/metrics","__scheme__":"https","__param_tenant":"acme","instance":"acme"}}]"#);
    }

    #[test]
    fn without_tenants_the_document_is_an_empty_list() {
        assert_eq!(document(target(false), &[]), "[]");
    }
}
