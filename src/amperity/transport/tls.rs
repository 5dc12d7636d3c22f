//! The certificate authorities the client trusts: the system's and those of
//! `tls_config.ca_file`.

use std::sync::{Arc, LazyLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::super::ApiError;
use crate::config;
use crate::telemetry::Reason;

/// The system's authorities, read once per process and shared by all tenants:
/// there are hundreds of them. One that cannot be read matters only if a
/// handshake needs it, and then the handshake fails.
static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
});

/// A configuration with its own crypto provider, independent of the process's
/// default.
pub(super) fn client_config(api: &config::Api) -> Result<ClientConfig, ApiError> {
    let mut roots = Arc::clone(&SYSTEM);
    if let Some(ca_file) = &api.ca_file {
        add_file(Arc::make_mut(&mut roots), ca_file)?;
    }
    if roots.is_empty() && api.base_url.scheme() == "https" {
        return Err(error(
            "this system has no CA certificates: install its ca-certificates package, or name a \
             file of them in tls_config.ca_file"
                .to_owned(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| error(format!("TLS: {cause}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn add_file(roots: &mut RootCertStore, ca_file: &config::CaFile) -> Result<(), ApiError> {
    let file = ca_file.path.display();
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&ca_file.pem) {
        certificate
            .map_err(|cause| cause.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|cause| cause.to_string()))
            .map_err(|cause| {
                error(format!(
                    "tls_config.ca_file {file}: a certificate in it is damaged: {cause}"
                ))
            })?;
    }
    if roots.len() == before {
        return Err(error(format!(
            "tls_config.ca_file {file}: no certificate in it; it needs PEM blocks that begin with \
             -----BEGIN CERTIFICATE-----"
        )));
    }
    Ok(())
}

fn error(message: String) -> ApiError {
    ApiError::new(Reason::Tls, message)
}
