//! TLS: from `tls_server_config` as written to rustls' configuration.
//! [`clients`] decides which clients may connect, [`chain`] verifies their
//! certificates, and [`names`] has the names of suites and curves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::config::flag;

mod chain;
mod clients;
mod names;

/// The section as written. Empty strings and nulls mean not set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSection {
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    cert: Option<String>,
    key: Option<SecretString>,
    client_auth_type: Option<String>,
    client_ca_file: Option<PathBuf>,
    client_ca: Option<String>,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Option<Vec<String>>,
    curve_preferences: Option<Vec<String>>,
    prefer_server_cipher_suites: Option<String>,
}

/// TLS as configured.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// Whether clients need a certificate of `client_ca_file`.
    pub(super) verifies_clients: bool,
    /// Whether their names are restricted.
    pub(super) restricts_sans: bool,
    /// What in its files does not work as their author may expect.
    pub(super) warnings: Vec<String>,
}

/// Why the section cannot be used.
#[derive(Debug)]
pub(super) struct TlsError {
    pub(super) message: String,
    /// A file it names is invalid, rather than the section itself.
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

/// PEM text and its name in errors.
struct Pem {
    text: Vec<u8>,
    place: String,
    in_file: bool,
}

impl TlsSection {
    /// The section with empty strings taken as not set, or `None` if nothing
    /// is set.
    pub(super) fn normalized(mut self) -> Option<Self> {
        let is_set = |text: &String| !text.is_empty();
        for text in [
            &mut self.cert,
            &mut self.client_auth_type,
            &mut self.client_ca,
            &mut self.min_version,
            &mut self.max_version,
            &mut self.prefer_server_cipher_suites,
        ] {
            *text = text.take().filter(is_set);
        }
        for file in [
            &mut self.cert_file,
            &mut self.key_file,
            &mut self.client_ca_file,
        ] {
            *file = file.take().filter(|file| !file.as_os_str().is_empty());
        }
        self.key = self.key.filter(|key| !key.expose_secret().is_empty());
        let texts = [
            &self.cert,
            &self.client_auth_type,
            &self.client_ca,
            &self.min_version,
            &self.max_version,
        ];
        let lists = [&self.cipher_suites, &self.curve_preferences];
        let is_any_set = texts.iter().any(|text| text.is_some())
            || self.files(Path::new("")).next().is_some()
            || self.key.is_some()
            || self.client_allowed_sans.is_some()
            || lists.into_iter().flatten().any(|list| !list.is_empty())
            || self.prefer_server_cipher_suites.is_some();
        is_any_set.then_some(self)
    }

    /// The files it names.
    pub(super) fn files(&self, folder: &Path) -> impl Iterator<Item = PathBuf> {
        let named = [&self.cert_file, &self.key_file, &self.client_ca_file];
        named.into_iter().flatten().map(|file| folder.join(file))
    }

    /// Reads the files it names.
    pub(super) fn load(&self, folder: &Path, http2: bool) -> Result<Tls, TlsError> {
        let read = |name, text: Option<&str>, file: &Option<PathBuf>| {
            pem(name, text, file.as_deref(), folder)
        };
        let certificate = read("cert", self.cert.as_deref(), &self.cert_file)?
            .ok_or_else(|| "cert_file is missing".to_owned())?;
        let key = self.key.as_ref().map(ExposeSecret::expose_secret);
        let key =
            read("key", key, &self.key_file)?.ok_or_else(|| "key_file is missing".to_owned())?;
        let authorities = read("client_ca", self.client_ca.as_deref(), &self.client_ca_file)?;

        let provider = Arc::new(CryptoProvider {
            cipher_suites: names::cipher_suites(self.cipher_suites.as_deref())?,
            kx_groups: names::curves(self.curve_preferences.as_deref())?,
            ..ring::default_provider()
        });
        let versions = names::versions(self.min_version.as_deref(), self.max_version.as_deref())?;
        let auth = clients::ClientAuth::parse(self.client_auth_type.as_deref())?;
        let authorities = authorities.as_ref().map(certificates).transpose()?;
        let sans = self.client_allowed_sans.as_deref();
        let warnings = authorities.as_deref().map(chain::warnings);
        let verifier = clients::verifier(auth, authorities, sans, &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&certificate)?, private_key(&key)?)
            .map_err(|error| TlsError {
                message: format!("{} and {}: {error}", certificate.place, key.place),
                in_files: certificate.in_file || key.in_file,
            })?;
        let prefer_server = flag(self.prefer_server_cipher_suites.as_deref())
            .map_err(|error| format!("prefer_server_cipher_suites: {error}"))?;
        config.ignore_client_order = prefer_server.unwrap_or(true);
        if http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Tls {
            config: Arc::new(config),
            verifies_clients: auth.verifies(),
            restricts_sans: sans.is_some(),
            warnings: warnings.unwrap_or_default(),
        })
    }
}

/// PEM given as text or as a file, not both.
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

/// All certificates of a PEM text, at least one.
fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError {
            message: format!("{}: no PEM certificate found", pem.place),
            in_files: pem.in_file,
        }),
    }
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&pem.text).map_err(|_| TlsError {
        message: format!("{}: no unencrypted PEM key found", pem.place),
        in_files: pem.in_file,
    })
}
