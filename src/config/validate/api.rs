//! How a tenant's API is reached: what the tenant says, else what `api:`
//! says, else the default.

use std::time::Duration;

use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::file;
use crate::config::values::{Bounds, Reader};
use crate::config::{Api, CaFile, ProxyUrl};

const BASE_URL: &str = "https://app.amperity.com/api";
const VERSION: &str = "2024-04-01";
const TIMEOUT: Bounds = Bounds {
    default: Duration::from_secs(30),
    least: Duration::from_millis(1),
    most: Duration::from_mins(10),
};
const REQUESTS_PER_SECOND: f64 = 5.0;
/// The most the vendor allows a tenant, shared by all its clients.
const MAX_REQUESTS_PER_SECOND: f64 = 10.0;

/// The values of one section; `None` where it has none.
#[derive(Clone, Debug, Default)]
pub(super) struct ApiOverrides {
    base_url: Option<Url>,
    version: Option<String>,
    timeout: Option<Duration>,
    requests_per_second: Option<f64>,
    proxy_url: Option<ProxyUrl>,
    ca_file: Option<CaFile>,
}

/// Reads the section `api:`, or the same fields of a tenant; `place` is its path
/// in the file.
pub(super) fn api_overrides(reader: &mut Reader, written: &file::Api, place: &str) -> ApiOverrides {
    let at = |field: &str| format!("{place}.{field}");
    let mut overrides = ApiOverrides::default();
    if let Some(url) = &written.base_url {
        overrides.base_url = reader.url(url, &at("base_url"));
    }
    if let Some(version) = &written.version {
        overrides.version = Some(reader.word(version, &at("version")));
    }
    if written.timeout.is_some() {
        overrides.timeout = Some(reader.duration(&written.timeout, &at("timeout"), TIMEOUT));
    }
    if let Some(rate) = &written.requests_per_second {
        if rate.value > 0.0 && rate.value <= MAX_REQUESTS_PER_SECOND {
            overrides.requests_per_second = Some(rate.value);
        } else {
            let message = "must be more than 0 and at most 10, Amperity's limit for a tenant";
            let place = at("requests_per_second");
            reader.problems.add(rate.origin, &place, message);
        }
    }
    if let Some(url) = &written.proxy_url {
        overrides.proxy_url = reader.proxy(url, &at("proxy_url")).map(ProxyUrl);
    }
    let tls_config = written.tls_config.as_ref();
    if let Some(path) = tls_config.and_then(|tls_config| tls_config.ca_file.as_ref()) {
        let place = at("tls_config.ca_file");
        if let Some(pem) = reader.content(path, &place) {
            let mut certificates = CertificateDer::pem_slice_iter(&pem);
            if !matches!(certificates.next(), Some(Ok(_))) {
                let message = "the file holds no certificate; it must be PEM";
                reader.problems.add(path.origin, &place, message);
            }
            overrides.ca_file = Some(CaFile {
                path: reader.path(path),
                pem: pem.into(),
            });
        }
    }
    overrides
}

impl ApiOverrides {
    /// The values of this section, then those of `general`, then the defaults.
    /// `None` if the address cannot be used, which is already reported.
    pub(super) fn or(self, general: &Self, response_bytes: u64) -> Option<Api> {
        let general = general.clone();
        let base_url = self.base_url.or(general.base_url);
        Some(Api {
            base_url: match base_url {
                Some(url) => url,
                None => BASE_URL.parse().ok()?,
            },
            version: self
                .version
                .or(general.version)
                .unwrap_or_else(|| VERSION.to_owned()),
            timeout: self.timeout.or(general.timeout).unwrap_or(TIMEOUT.default),
            requests_per_second: self
                .requests_per_second
                .or(general.requests_per_second)
                .unwrap_or(REQUESTS_PER_SECOND),
            proxy_url: self.proxy_url.or(general.proxy_url),
            ca_file: self.ca_file.or(general.ca_file),
            response_bytes,
        })
    }
}
