//! TLS: from `tls_server_config` as written to rustls' configuration. Who may
//! connect stands in [`clients`], the names of suites and curves in [`names`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

mod clients;
mod names;

/// The section as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    cert: Option<String>,
    key: Option<SecretString>,
    client_auth_type: Option<String>,
    client_ca_file: Option<PathBuf>,
    client_ca: Option<String>,
    client_allowed_sans: Vec<String>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Vec<String>,
    curve_preferences: Vec<String>,
    prefer_server_cipher_suites: Option<bool>,
}

/// What is wrong with the section.
#[derive(Debug)]
pub(super) struct TlsError {
    pub(super) message: String,
    /// With a file it names, rather than with itself.
    pub(super) in_files: bool,
}

impl From<String> for TlsError {
    fn from(message: String) -> Self {
        Self {
            message,
            in_files: false,
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::from(error.to_string())
    }
}

/// PEM text and what to call it in an error.
struct Pem {
    text: Vec<u8>,
    place: String,
    in_file: bool,
}

impl Written {
    /// Whether nothing is set.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            cert_file,
            key_file,
            cert,
            key,
            client_auth_type,
            client_ca_file,
            client_ca,
            client_allowed_sans,
            min_version,
            max_version,
            cipher_suites,
            curve_preferences,
            prefer_server_cipher_suites,
        } = self;
        let texts = [cert, client_auth_type, client_ca, min_version, max_version];
        [cert_file, key_file, client_ca_file]
            .iter()
            .all(|file| file.is_none())
            && texts.iter().all(|text| text.is_none())
            && key.is_none()
            && [client_allowed_sans, cipher_suites, curve_preferences]
                .iter()
                .all(|list| list.is_empty())
            && prefer_server_cipher_suites.is_none()
    }

    /// The files it names.
    pub(super) fn files(&self, folder: &Path) -> impl Iterator<Item = PathBuf> {
        let named = [&self.cert_file, &self.key_file, &self.client_ca_file];
        named.into_iter().flatten().map(|file| folder.join(file))
    }

    /// The configuration it means.
    pub(super) fn server_config(
        &self,
        folder: &Path,
        http2: bool,
    ) -> Result<ServerConfig, TlsError> {
        let certificate = pem(
            "cert",
            self.cert.as_deref(),
            self.cert_file.as_deref(),
            folder,
        )?
        .ok_or_else(|| "cert_file is missing".to_owned())?;
        let key = self.key.as_ref().map(ExposeSecret::expose_secret);
        let key = pem("key", key, self.key_file.as_deref(), folder)?
            .ok_or_else(|| "key_file is missing".to_owned())?;
        let authority = self.client_ca.as_deref();
        let authority = pem(
            "client_ca",
            authority,
            self.client_ca_file.as_deref(),
            folder,
        )?;

        let provider = Arc::new(CryptoProvider {
            cipher_suites: names::cipher_suites(&self.cipher_suites)?,
            kx_groups: names::curves(&self.curve_preferences)?,
            ..ring::default_provider()
        });
        let versions = names::versions(self.min_version.as_deref(), self.max_version.as_deref())?;
        let policy = clients::Policy::parse(self.client_auth_type.as_deref())?;
        let authorities = authority.as_ref().map(certificates).transpose()?;
        let sans = &self.client_allowed_sans;
        let verifier = clients::verifier(policy, authorities, sans, &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&certificate)?, private_key(&key)?)
            .map_err(|error| TlsError {
                message: format!("{} and {}: {error}", certificate.place, key.place),
                in_files: certificate.in_file || key.in_file,
            })?;
        config.ignore_client_order = self.prefer_server_cipher_suites.unwrap_or(true);
        if http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(config)
    }
}

/// PEM written in place or in a file, not both.
fn pem(
    name: &str,
    text: Option<&str>,
    file: Option<&Path>,
    folder: &Path,
) -> Result<Option<Pem>, TlsError> {
    match (text, file) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(format!("both {name} and {name}_file are given; keep one of them").into())
        }
        (Some(text), None) => Ok(Some(Pem {
            text: text.as_bytes().to_vec(),
            place: name.to_owned(),
            in_file: false,
        })),
        (None, Some(file)) => {
            let path = folder.join(file);
            let place = format!("{name}_file {}", path.display());
            match std::fs::read(&path) {
                Ok(text) => Ok(Some(Pem {
                    text,
                    place,
                    in_file: true,
                })),
                Err(error) => Err(TlsError {
                    message: format!("{place}: {error}; check path and permissions"),
                    in_files: true,
                }),
            }
        }
    }
}

/// All certificates of a PEM text; none is an error.
fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError {
            message: format!("{}: there is no PEM certificate in it", pem.place),
            in_files: pem.in_file,
        }),
    }
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&pem.text).map_err(|_| TlsError {
        message: format!("{}: there is no unencrypted PEM key in it", pem.place),
        in_files: pem.in_file,
    })
}
