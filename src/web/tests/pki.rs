//! Authorities, certificates and web configuration files for tests.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;

/// A folder with certificates: of the server, of clients, of two authorities.
pub(super) struct Pki {
    folder: TempDir,
    authority: Issuer<'static, KeyPair>,
}

impl Pki {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = new_authority(folder.path(), "ca.pem");
        let stranger = new_authority(folder.path(), "stranger.pem");
        let pki = Self { folder, authority };
        pki.issue_server();
        pki.issue("good", &pki.authority, vec![dns("prometheus.example")]);
        pki.issue("other", &pki.authority, vec![dns("somebody.example")]);
        pki.issue("wrong", &stranger, vec![dns("prometheus.example")]);
        let uri = SanType::URI("spiffe://example/prometheus".try_into().unwrap());
        let email = SanType::Rfc822Name("ops@example.org".try_into().unwrap());
        let address = SanType::IpAddress("2001:db8::1".parse().unwrap());
        pki.issue("many", &pki.authority, vec![uri, email, address]);
        pki
    }

    /// Makes a new certificate for the server, in place of the old one.
    pub(super) fn issue_server(&self) {
        self.issue("server", &self.authority, vec![dns("localhost")]);
    }

    fn issue(&self, name: &str, by: &Issuer<'_, KeyPair>, names: Vec<SanType>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, by).unwrap();
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A web configuration file with this server's certificate, and more
    /// lines in the TLS section.
    pub(super) fn tls(&self, more: &str) -> PathBuf {
        let text =
            format!("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{more}");
        self.write("web.yml", &text)
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn new_authority(folder: &Path, file: &str) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, file);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join(file), certificate.pem()).unwrap();
    Issuer::new(params, key)
}
