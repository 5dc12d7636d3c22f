//! The configuration as it is written: the YAML file, key by key. Every key is
//! optional unless there is no sensible default. Strict: an unknown key is
//! an error. Each value remembers where it was written, so that
//! [`validate`](super::validate), which comes next, can name the place.
//!
//! No type here has a `Debug` implementation: some of the values are secret.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On this line of the file.
    Line(u64),
    /// In this flag or environment variable.
    Named(&'static str),
}

/// A value and where it was written.
#[derive(Clone)]
pub(crate) struct Written<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            value: spanned.value,
            origin: Origin::Line(spanned.referenced.line()),
        })
    }
}

/// A text that [`validate`](super::validate) interprets.
pub(crate) type Text = Option<Written<String>>;

/// The whole file.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    #[serde(deserialize_with = "or_default")]
    pub(crate) refresh: Refresh,
    #[serde(deserialize_with = "or_default")]
    pub(crate) api: Api,
    #[serde(deserialize_with = "or_default")]
    pub(crate) limits: Limits,
    #[serde(deserialize_with = "or_default")]
    pub(crate) tenants: Vec<Written<Tenant>>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) state: State,
    #[serde(deserialize_with = "or_default")]
    pub(crate) feeds: Feeds,
    #[serde(deserialize_with = "or_default")]
    pub(crate) workflows: Workflows,
    #[serde(deserialize_with = "or_default")]
    pub(crate) exposition: Exposition,
    pub(crate) ui_url: Text,
}

/// `exposition:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exposition {
    pub(crate) created_series: Option<bool>,
}

/// `refresh:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Refresh {
    pub(crate) mode: Text,
    pub(crate) interval: Text,
    pub(crate) max_age: Text,
    pub(crate) stale_after: Text,
}

/// `api:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Api {
    pub(crate) base_url: Text,
    pub(crate) version: Text,
    pub(crate) timeout: Text,
    pub(crate) requests_per_second: Option<Written<f64>>,
    pub(crate) proxy_url: Text,
    pub(crate) tls_config: Option<TlsConfig>,
}

/// `tls_config:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsConfig {
    pub(crate) ca_file: Option<Written<PathBuf>>,
}

/// `limits:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) jobs: Option<Written<usize>>,
    pub(crate) response_bytes: Text,
    pub(crate) page_bytes: Text,
}

/// One element of `tenants:`. Fields of `api:` are repeated here by name:
/// serde's `flatten` would lose both line numbers and strictness.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "fields are the file's keys")]
pub(crate) struct Tenant {
    pub(crate) tenant: Text,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) oauth2: Option<OAuth2>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) jobs: Vec<Written<String>>,
    #[serde(deserialize_with = "not_null")]
    pub(crate) discovery: Option<Discovery>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) collect: Collect,
    pub(crate) base_url: Text,
    pub(crate) version: Text,
    pub(crate) timeout: Text,
    pub(crate) requests_per_second: Option<Written<f64>>,
    pub(crate) proxy_url: Text,
    pub(crate) tls_config: Option<TlsConfig>,
}

impl Tenant {
    /// The fields it shares with `api:`.
    pub(crate) fn api(&self) -> Api {
        Api {
            base_url: self.base_url.clone(),
            version: self.version.clone(),
            timeout: self.timeout.clone(),
            requests_per_second: self.requests_per_second.clone(),
            proxy_url: self.proxy_url.clone(),
            tls_config: self.tls_config.clone(),
        }
    }
}

/// `authorization:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Authorization {
    pub(crate) credentials_file: Option<Written<PathBuf>>,
    pub(crate) credentials: Option<Written<SecretString>>,
}

/// `oauth2:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OAuth2 {
    pub(crate) client_id: Text,
    pub(crate) client_secret_file: Option<Written<PathBuf>>,
    pub(crate) client_secret: Option<Written<SecretString>>,
    pub(crate) token_url: Text,
}

/// `discovery:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Discovery {
    pub(crate) window: Text,
}

/// `collect:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Collect {
    pub(crate) jobs: Option<bool>,
    pub(crate) feeds: Option<bool>,
    pub(crate) files: Option<bool>,
    pub(crate) workflows: Option<bool>,
}

/// `state:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) file: Option<Written<PathBuf>>,
}

/// `feeds:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Feeds {
    pub(crate) forget_after: Text,
    #[serde(deserialize_with = "or_default")]
    pub(crate) expect: Vec<Written<Expect>>,
}

/// `workflows:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Workflows {
    pub(crate) types: Option<Vec<Written<String>>>,
}

/// One element of `feeds.expect:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) tenant: Text,
    pub(crate) table: Text,
    pub(crate) feed: Text,
    pub(crate) schedule: Text,
    pub(crate) timezone: Text,
    pub(crate) within: Text,
    pub(crate) every: Text,
    pub(crate) ad_hoc: Option<bool>,
    pub(crate) read_rows: Option<ReadRows>,
    pub(crate) error_ratio: Option<Written<f64>>,
    pub(crate) rejected_ratio: Option<Written<f64>>,
    pub(crate) duration: Text,
    pub(crate) name: Text,
    pub(crate) team: Text,
    pub(crate) severity: Text,
}

impl Expect {
    /// Whether nothing is given but which feeds are meant.
    pub(crate) fn says_nothing(&self) -> bool {
        let texts = [
            &self.schedule,
            &self.timezone,
            &self.within,
            &self.every,
            &self.duration,
            &self.name,
            &self.team,
            &self.severity,
        ];
        let ratios = [&self.error_ratio, &self.rejected_ratio];
        texts.iter().all(|text| text.is_none())
            && ratios.iter().all(|ratio| ratio.is_none())
            && self.ad_hoc != Some(true)
            && self.read_rows.is_none()
    }
}

/// `read_rows:`
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReadRows {
    pub(crate) low: Option<Written<u64>>,
    pub(crate) high: Option<Written<u64>>,
}

/// A section with nothing in it, or with everything commented out.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A section that is there means something, even an empty one.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
