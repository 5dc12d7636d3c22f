//! Which client certificates are requested, required, verified and allowed.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use webpki::RawPublicKeyEntity;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;
use super::chain::{Authorities, v1_key};

/// `client_auth_type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

impl ClientAuth {
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

    /// Whether certificates are verified against `client_ca_file`.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// The verifier of a `client_auth_type`. With `allowed_sans`, a certificate
/// needs one of these names, so that an empty list allows none and a client
/// without certificate is refused.
pub(super) fn verifier(
    auth: ClientAuth,
    authorities: Option<Vec<CertificateDer<'static>>>,
    allowed_sans: Option<&[String]>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if auth == ClientAuth::None && authorities.is_some() {
        return Err(
            "client_ca_file needs a client_auth_type, such as RequireAndVerifyClientCert"
                .to_owned()
                .into(),
        );
    }
    if !auth.verifies() && allowed_sans.is_some() {
        return Err(
            "client_allowed_sans needs verified certificates: set client_auth_type to \
             RequireAndVerifyClientCert or VerifyClientCertIfGiven"
                .to_owned()
                .into(),
        );
    }
    if auth == ClientAuth::None {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let authorities = authorities.unwrap_or_default();
    let hints = subjects(&authorities)?;
    let verified = if auth.verifies() {
        if authorities.is_empty() {
            return Err(
                "client_auth_type verifies certificates and needs a client_ca_file"
                    .to_owned()
                    .into(),
            );
        }
        Some(Authorities::new(authorities)?)
    } else {
        None
    };
    Ok(Arc::new(Verifier {
        mandatory: matches!(auth, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
            || allowed_sans.is_some(),
        authorities: verified,
        allowed_sans: allowed_sans.map(<[String]>::to_vec),
        hints,
        algorithms: provider.signature_verification_algorithms,
    }))
}

fn subjects(authorities: &[CertificateDer<'static>]) -> Result<Vec<DistinguishedName>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|error| TlsError {
            message: format!("client_ca_file: {error}"),
            in_files: true,
        })?;
    }
    Ok(roots.subjects())
}

/// Accepts certificates whose key the client has, and which are verified and
/// allowed if that is configured.
#[derive(Debug)]
struct Verifier {
    mandatory: bool,
    authorities: Option<Authorities>,
    allowed_sans: Option<Vec<String>>,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// rustls has this for TLS 1.3 only.
    fn verify_raw_key_signature(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad_signature = || Error::from(CertificateError::BadSignature);
        let key = RawPublicKeyEntity::try_from(key).map_err(|_| bad_signature())?;
        let algorithms = self.algorithms.mapping.iter();
        algorithms
            .filter(|(scheme, _)| *scheme == dss.scheme)
            .flat_map(|(_, algorithms)| *algorithms)
            .find(|algorithm| {
                let verified = key.verify_signature(**algorithm, message, dss.signature());
                verified.is_ok()
            })
            .map(|_| HandshakeSignatureValid::assertion())
            .ok_or_else(bad_signature)
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            authorities.verify(end_entity, intermediates, now, self.algorithms.all)?;
        }
        if let Some(allowed) = &self.allowed_sans
            && !has_name(end_entity, allowed)
        {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match v1_key(cert) {
            Some(key) => self.verify_raw_key_signature(message, &key, dss),
            None => verify_tls12_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match v1_key(cert) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms),
            None => verify_tls13_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate has one of these subject alternative names.
fn has_name(certificate: &CertificateDer<'_>, allowed: &[String]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return false;
    };
    let mut names = names.value.general_names.iter();
    names.any(|name| allowed.iter().any(|allowed| is_equal(name, allowed)))
}

fn is_equal(name: &GeneralName<'_>, allowed: &str) -> bool {
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
