//! Whether a client certificate is issued by `client_ca_file`.
//!
//! webpki verifies chains of X.509 v3. It refuses three kinds of certificates
//! that other exporters accept, and these are accepted here as well:
//! a certificate that is itself in the file, one of X.509 v1 (as `openssl x509
//! -req` makes them) and one whose only extended key usage is "any". It does
//! not look at the validity of the authorities, which is checked here.

use std::sync::Arc;

use rustls::pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use rustls::{CertificateError, Error, OtherError};
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext,
};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use super::TlsError;

/// `anyExtendedKeyUsage`
const ANY_EXTENDED_KEY_USAGE: [usize; 5] = [2, 5, 29, 37, 0];

/// The curve P-521, which the crypto library does not have.
const P_521: [u64; 5] = [1, 3, 132, 0, 35];

/// The certificates whose keys cannot be used, one sentence each.
pub(super) fn warnings(authorities: &[CertificateDer<'_>]) -> Vec<String> {
    let parsed = authorities.iter().filter_map(|it| parse(it).ok());
    let unusable = parsed.filter(|certificate| {
        let parameters = certificate.public_key().algorithm.parameters.as_ref();
        let curve = parameters.and_then(|parameters| parameters.as_oid().ok());
        curve.is_some_and(|curve| curve.iter().is_some_and(|arcs| arcs.eq(P_521)))
    });
    let warning = |certificate: X509Certificate<'_>| {
        format!(
            "client_ca_file: the key of {:?} is on the curve P-521, which is not supported, so \
             that clients with its certificates are refused; make another key with: \
             openssl ecparam -name prime256v1 -genkey",
            certificate.subject().to_string()
        )
    };
    unusable.map(warning).collect()
}

/// The certificates of `client_ca_file`.
#[derive(Debug)]
pub(super) struct Authorities(Vec<Authority>);

#[derive(Debug)]
struct Authority {
    certificate: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
}

impl Authorities {
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, TlsError> {
        let authorities = certificates.into_iter().map(|certificate| {
            let anchor = webpki::anchor_from_trusted_cert(&certificate);
            let anchor = anchor.map_err(|error| TlsError {
                message: format!("client_ca_file: {error}"),
                in_files: true,
            })?;
            Ok(Authority {
                anchor: anchor.to_owned(),
                certificate,
            })
        });
        authorities.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Error> {
        let parsed = parse(end_entity)?;
        if self.0.iter().any(|known| known.certificate == *end_entity) {
            return check_validity(&parsed, now);
        }
        if parsed.version() == X509Version::V1 {
            return self.verify_v1(&parsed, now);
        }
        let valid = self.0.iter().filter(|authority| authority.is_valid(now));
        let anchors: Vec<TrustAnchor<'_>> = valid.map(|valid| valid.anchor.clone()).collect();
        EndEntityCert::try_from(end_entity)
            .and_then(|certificate| {
                certificate
                    .verify_for_usage(
                        algorithms,
                        &anchors,
                        intermediates,
                        now,
                        ClientUsage,
                        None,
                        None,
                    )
                    .map(drop)
            })
            .map_err(|error| match error {
                webpki::Error::CertExpired { .. } => CertificateError::Expired.into(),
                webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer.into(),
                error => other(error),
            })
    }

    /// Version 1 has no extensions, so an authority of the file must have
    /// issued it directly.
    fn verify_v1(&self, certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
        check_validity(certificate, now)?;
        let is_issuer = |authority: &Authority| {
            let Ok(issuer) = parse(&authority.certificate) else {
                return false;
            };
            let may_issue = issuer.version() == X509Version::V1 || issuer.is_ca();
            let names_are_constrained = !matches!(issuer.name_constraints(), Ok(None));
            issuer.subject() == certificate.issuer()
                && may_issue
                && !names_are_constrained
                && check_validity(&issuer, now).is_ok()
                && certificate
                    .verify_signature(Some(issuer.public_key()))
                    .is_ok()
        };
        if self.0.iter().any(is_issuer) {
            return Ok(());
        }
        Err(CertificateError::UnknownIssuer.into())
    }
}

impl Authority {
    fn is_valid(&self, now: UnixTime) -> bool {
        parse(&self.certificate).is_ok_and(|parsed| check_validity(&parsed, now).is_ok())
    }
}

/// The key of a version 1 certificate, whose signatures webpki does not verify.
pub(super) fn v1_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let parsed = parse(certificate).ok()?;
    let key = parsed.public_key().raw.to_vec();
    (parsed.version() == X509Version::V1).then(|| key.into())
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    X509Certificate::from_der(certificate)
        .map(|(_, parsed)| parsed)
        .map_err(|_| CertificateError::BadEncoding.into())
}

fn check_validity(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

fn other(error: webpki::Error) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

/// Accepts client authentication, any usage, or no usage given.
struct ClientUsage;

impl ExtendedKeyUsageValidator for ClientUsage {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut present = Vec::new();
        for usage in usages {
            let usage = usage?.to_decoded_oid();
            if usage == KeyUsage::CLIENT_AUTH_REPR || usage == ANY_EXTENDED_KEY_USAGE {
                return Ok(());
            }
            present.push(usage);
        }
        if present.is_empty() {
            return Ok(());
        }
        let required = KeyUsage::client_auth();
        Err(webpki::Error::RequiredEkuNotFoundContext(
            RequiredEkuNotFoundContext { required, present },
        ))
    }
}
