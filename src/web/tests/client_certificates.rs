//! Client certificates that webpki alone would refuse or accept differently
//! from other exporters.

use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use super::pki::Pki;
use super::tls::{curl, start};
use crate::web::WebSecurity;

const VERIFY: &str = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ";

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn write(pki: &Pki, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) {
    pki.write(&format!("{name}.pem"), &certificate.pem());
    pki.write(&format!("{name}.key"), &key.serialize_pem());
}

/// An authority whose certificate is written beside its key.
fn authority(pki: &Pki, name: &str, expired: bool) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    if expired {
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    write(pki, name, &params.self_signed(&key).unwrap(), &key);
    Issuer::new(params, key)
}

fn issue(
    pki: &Pki,
    name: &str,
    by: &Issuer<'_, KeyPair>,
    change: impl FnOnce(&mut CertificateParams),
) {
    let key = KeyPair::generate().unwrap();
    let mut params = params(name);
    change(&mut params);
    write(pki, name, &params.signed_by(&key, by).unwrap(), &key);
}

/// A certificate of X.509 v1, as `openssl x509 -req` makes without extensions.
fn issue_v1(pki: &Pki, name: &str, by: &str) {
    let script = format!(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
         -keyout {name}.key -out {name}.csr && openssl x509 -req -in {name}.csr -CA {by}.pem \
         -CAkey {by}.key -CAcreateserial -out {name}.pem"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(pki.path(""))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl is needed: {errors}");
}

#[test]
fn an_authority_on_a_curve_that_is_not_supported_is_named_in_a_warning() {
    let pki = Pki::new();
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes \
                  -subj '/CN=old authority' -keyout old.key -out old.pem";
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(pki.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "openssl is needed: {output:?}");
    let security = WebSecurity::from_file(&pki.tls(&format!("{VERIFY}old.pem\n"))).unwrap();
    insta::assert_snapshot!(security.warnings().join("\n"), @r#"client_ca_file: the key of "CN=old authority" is on the curve P-521, which is not supported, so that clients with its certificates are refused; make another key with: openssl ecparam -name prime256v1 -genkey"#);
    let security = WebSecurity::from_file(&pki.tls(&format!("{VERIFY}ca.pem\n"))).unwrap();
    assert!(security.warnings().is_empty());
}

async fn statuses(authority: &str, pki: &Pki, names: &[&str]) -> Vec<String> {
    let server = start(&pki.tls(&format!("{VERIFY}{authority}.pem\n"))).await;
    let mut statuses = Vec::new();
    for name in names {
        let cert = pki.path(&format!("{name}.pem")).display().to_string();
        let key = pki.path(&format!("{name}.key")).display().to_string();
        for version in ["1.2", "1.3"] {
            let arguments = ["--cert", &cert, "--key", &key, "--tls-max", version];
            let found = curl(&server, pki, &arguments).await;
            statuses.push(format!("{name} {version}: {}", &found[..3]));
        }
    }
    statuses
}

#[tokio::test]
async fn certificates_of_version_1_and_of_any_usage_are_verified() {
    let pki = Pki::new();
    let issuer = authority(&pki, "root", false);
    let stranger = authority(&pki, "other-root", false);
    let usage =
        |usage| move |params: &mut CertificateParams| params.extended_key_usages.push(usage);
    issue(&pki, "any", &issuer, usage(ExtendedKeyUsagePurpose::Any));
    issue(
        &pki,
        "serving",
        &issuer,
        usage(ExtendedKeyUsagePurpose::ServerAuth),
    );
    issue(
        &pki,
        "stranger",
        &stranger,
        usage(ExtendedKeyUsagePurpose::Any),
    );
    issue_v1(&pki, "v1", "root");
    issue_v1(&pki, "v1-stranger", "other-root");
    let names = ["any", "serving", "stranger", "v1", "v1-stranger"];
    insta::assert_debug_snapshot!(statuses("root", &pki, &names).await, @r#"
    [
        "any 1.2: 200",
        "any 1.3: 200",
        "serving 1.2: 000",
        "serving 1.3: 000",
        "stranger 1.2: 000",
        "stranger 1.3: 000",
        "v1 1.2: 200",
        "v1 1.3: 200",
        "v1-stranger 1.2: 000",
        "v1-stranger 1.3: 000",
    ]
    "#);
}

#[tokio::test]
async fn a_certificate_listed_in_the_file_is_accepted_while_it_is_valid() {
    let pki = Pki::new();
    authority(&pki, "self", false);
    authority(&pki, "expired", true);
    authority(&pki, "unlisted", false);
    insta::assert_debug_snapshot!(statuses("self", &pki, &["self", "unlisted"]).await, @r#"
    [
        "self 1.2: 200",
        "self 1.3: 200",
        "unlisted 1.2: 000",
        "unlisted 1.3: 000",
    ]
    "#);
    insta::assert_debug_snapshot!(statuses("expired", &pki, &["expired"]).await, @r#"
    [
        "expired 1.2: 000",
        "expired 1.3: 000",
    ]
    "#);
}

#[tokio::test]
async fn an_expired_authority_or_certificate_is_refused() {
    let pki = Pki::new();
    let old = authority(&pki, "old", true);
    let new = authority(&pki, "new", false);
    issue(&pki, "of-old", &old, |_| ());
    issue_v1(&pki, "v1-of-old", "old");
    issue(&pki, "of-new", &new, |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    insta::assert_debug_snapshot!(statuses("old", &pki, &["of-old", "v1-of-old"]).await, @r#"
    [
        "of-old 1.2: 000",
        "of-old 1.3: 000",
        "v1-of-old 1.2: 000",
        "v1-of-old 1.3: 000",
    ]
    "#);
    insta::assert_debug_snapshot!(statuses("new", &pki, &["of-new"]).await, @r#"
    [
        "of-new 1.2: 000",
        "of-new 1.3: 000",
    ]
    "#);
}
