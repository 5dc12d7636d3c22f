//! Which certificates of clients are asked for, needed, verified and allowed.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;

/// `client_auth_type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

impl Policy {
    pub(super) fn parse(name: Option<&str>) -> Result<Self, TlsError> {
        match name.unwrap_or_default() {
            "" | "NoClientCert" => Ok(Self::None),
            "RequestClientCert" => Ok(Self::Request),
            "RequireAnyClientCert" | "RequireClientCert" => Ok(Self::RequireAny),
            "VerifyClientCertIfGiven" => Ok(Self::VerifyIfGiven),
            "RequireAndVerifyClientCert" => Ok(Self::RequireAndVerify),
            _ => Err(
                "client_auth_type: expected one of NoClientCert, RequestClientCert, \
                 RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
                    .to_owned()
                    .into(),
            ),
        }
    }

    fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// The verifier of a policy.
pub(super) fn verifier(
    policy: Policy,
    authorities: Option<Vec<CertificateDer<'static>>>,
    allowed_sans: &[String],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if policy == Policy::None && authorities.is_some() {
        return Err(
            "client_ca_file needs a client_auth_type, such as RequireAndVerifyClientCert"
                .to_owned()
                .into(),
        );
    }
    if !policy.verifies() && !allowed_sans.is_empty() {
        return Err(
            "client_allowed_sans needs verified certificates: set client_auth_type to \
             RequireAndVerifyClientCert or VerifyClientCertIfGiven"
                .to_owned()
                .into(),
        );
    }
    if policy == Policy::None {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let roots = roots(authorities.unwrap_or_default())?;
    if !policy.verifies() {
        return Ok(Arc::new(Unverified {
            mandatory: policy == Policy::RequireAny,
            hints: roots.subjects(),
            algorithms: provider.signature_verification_algorithms,
        }));
    }
    if roots.is_empty() {
        return Err(
            "client_auth_type verifies certificates and needs a client_ca_file"
                .to_owned()
                .into(),
        );
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match policy {
        Policy::VerifyIfGiven => builder.allow_unauthenticated(),
        _ => builder,
    };
    let verified = builder.build().map_err(|error| error.to_string())?;
    if allowed_sans.is_empty() {
        return Ok(verified);
    }
    Ok(Arc::new(Allowed {
        verified,
        sans: allowed_sans.to_vec(),
    }))
}

fn roots(authorities: Vec<CertificateDer<'static>>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|error| TlsError {
            message: format!("client_ca_file: {error}"),
            in_files: true,
        })?;
    }
    Ok(roots)
}

/// Takes any certificate of which the client has the key, or none.
#[derive(Debug)]
struct Unverified {
    mandatory: bool,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Unverified {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Takes verified certificates with one of these subject alternative names.
#[derive(Debug)]
struct Allowed {
    verified: Arc<dyn ClientCertVerifier>,
    sans: Vec<String>,
}

impl Allowed {
    fn allows(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return false;
        };
        let Ok(Some(names)) = certificate.subject_alternative_name() else {
            return false;
        };
        let mut names = names.value.general_names.iter();
        names.any(|name| self.sans.iter().any(|allowed| is(name, allowed)))
    }
}

fn is(name: &GeneralName<'_>, allowed: &str) -> bool {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            *name == allowed
        }
        GeneralName::IPAddress(bytes) => {
            let address = match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).map(IpAddr::from).ok(),
                _ => <[u8; 16]>::try_from(*bytes).map(IpAddr::from).ok(),
            };
            address.is_some() && address == allowed.parse().ok()
        }
        _ => false,
    }
}

impl ClientCertVerifier for Allowed {
    fn offer_client_auth(&self) -> bool {
        self.verified.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verified.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verified.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .verified
            .verify_client_cert(end_entity, intermediates, now)?;
        if self.allows(end_entity) {
            return Ok(verified);
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verified.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verified.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verified.supported_verify_schemes()
    }
}
