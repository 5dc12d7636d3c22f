//! Proxies and certificate authorities.

use super::*;
use crate::config::CaFile;

#[tokio::test]
async fn every_request_goes_to_the_proxy_and_the_password_only_there() {
    let address = serve(|request| {
        let expected = "Basic dXNlcjpodXNoLXB3";
        assert_eq!(request.headers()["proxy-authorization"], expected);
        whole(request.uri().to_string())
    })
    .await;
    let proxy = format!("http://user:hush-pw@{address}");
    let api = Api {
        proxy_url: Some(config::ProxyUrl(proxy.parse().unwrap())),
        ..api("amperity.invalid")
    };
    let answer = exchange(&api).await.unwrap();
    assert_eq!(
        answer.body(),
        "http://amperity.invalid/api/ingest/jobs?secret=hush"
    );
    let shown = format!("{:?} {api:?}", transport::network(&api).unwrap());
    assert!(!shown.contains("hush"), "{shown}");
    let through_tunnel = Api {
        base_url: "https://amperity.invalid/api".parse().unwrap(),
        proxy_url: Some(config::ProxyUrl(
            "http://user:hush@127.0.0.1:1".parse().unwrap(),
        )),
        ..api
    };
    assert_eq!(failure(&through_tunnel).await.reason, Reason::Unreachable);
}

/// A CA's certificate, and a server with one of its for `localhost`.
fn private_ca() -> (String, tokio_rustls::TlsAcceptor) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (ca.pem(), tokio_rustls::TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_private_ca_is_trusted_only_when_its_file_is_named() {
    let (certificate, tls) = private_ca();
    let address = serve_with(Some(tls), |request| {
        whole(format!("{:?}", request.version()))
    })
    .await;
    let api = Api {
        base_url: format!("https://localhost:{}", address.port())
            .parse()
            .unwrap(),
        ..api(address)
    };
    let error = failure(&api).await;
    assert_eq!(error.reason, Reason::Tls);
    insta::assert_snapshot!(error, @"invalid peer certificate: UnknownIssuer");

    let api = Api {
        ca_file: Some(CaFile {
            path: "ca.pem".into(),
            pem: certificate.as_bytes().into(),
        }),
        ..api
    };
    assert_eq!(exchange(&api).await.unwrap().body(), "HTTP/2.0");
}

#[tokio::test]
async fn a_peer_that_does_not_speak_tls_is_a_tls_failure() {
    let address = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let api = Api {
        base_url: format!("https://{address}").parse().unwrap(),
        ..api(address)
    };
    assert_eq!(failure(&api).await.reason, Reason::Tls);
}

#[tokio::test]
async fn a_ca_file_without_a_usable_certificate_is_an_error_that_names_it() {
    let problem = |pem: &str| {
        let ca_file = CaFile {
            path: "/etc/ca.pem".into(),
            pem: pem.as_bytes().into(),
        };
        let tenant = Tenant {
            api: Api {
                ca_file: Some(ca_file),
                ..socktown().api
            },
            ..socktown()
        };
        let error = Client::new(&tenant, telemetry(), clock()).unwrap_err();
        assert_eq!(error.reason, Reason::Tls);
        error.to_string()
    };
    insta::assert_snapshot!(problem("no PEM"), @"tls_config.ca_file /etc/ca.pem: no certificate in it; it needs PEM blocks that begin with -----BEGIN CERTIFICATE-----");
    let damaged = problem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let expected = "tls_config.ca_file /etc/ca.pem: a certificate in it is damaged: ";
    assert!(damaged.starts_with(expected), "{damaged}");
}
