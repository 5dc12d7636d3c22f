//! A fault, the requests that have it, and its effect.

use super::FaultProxy;

/// A fault of one tenant's requests.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) group: &'static str,
    pub(super) name: String,
    pub(super) action: Action,
    pub(super) target: Target,
    pub(super) effect: Effect,
    pub(super) tls: Option<Tls>,
    pub(super) through: Through,
    pub(super) number: usize,
}

/// What the proxy does instead of passing a request on.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Sends this and closes the connection.
    Answer(Vec<u8>),
    /// Sends this and no more.
    AnswerAndHang(Vec<u8>),
    /// Sends a byte of this every 100 ms.
    Slowly(Vec<u8>),
    /// Sends this again and again.
    Repeat(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Reset,
    /// Does not listen.
    Refuse,
    /// None; the token file has this content.
    TokenFile(Vec<u8>),
    /// None; there is no token file.
    NoTokenFile,
}

/// Which requests have the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All, before anything was read.
    Connection,
    /// All, after the TLS handshake and before anything was read.
    Session,
    /// All.
    Any,
    /// Lists of jobs.
    Jobs,
    /// Lists of runs of workflows.
    Workflows,
    /// Requests for a token; the API refuses the present one.
    Token,
    /// None.
    Nothing,
}

/// What the page shows meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// `amperity_up` is 0, with this reason.
    Down(&'static str),
    /// `amperity_workflows_up` is 0, with this reason, and `amperity_up` is 1.
    WorkflowsDown(&'static str),
    /// Nothing.
    None,
}

/// The certificate of a proxy with TLS while it has its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Good,
    UnknownAuthority,
    OtherName,
    Expired,
}

/// How a tenant reaches its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// As if it were the API.
    BaseUrl,
    /// By `proxy_url`.
    ProxyUrl,
    /// As the API, with OAuth2 client credentials.
    OAuth2,
}

impl Target {
    /// Whether a request with this first line is one of them.
    pub(super) fn is_meant(self, line: &str) -> bool {
        match self {
            Self::Any | Self::Connection | Self::Session => true,
            Self::Jobs => line.contains("/ingest/jobs?"),
            Self::Workflows => line.contains("/workflow/runs"),
            Self::Token => line.contains("/oauth2/token"),
            Self::Nothing => false,
        }
    }
}

impl Row {
    pub(super) fn tenant(&self) -> String {
        format!("fault-{:03}", self.number)
    }

    /// Group and name, for the messages of the test.
    pub(super) fn title(&self) -> String {
        format!("{}: {}", self.group, self.name)
    }

    /// The tenant's settings in the configuration file.
    pub(super) fn settings(&self, proxy: &FaultProxy) -> String {
        let (tenant, address) = (self.tenant(), proxy.address);
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let ca_file = proxy.ca_file.as_ref().map_or_else(String::new, |file| {
            format!(", tls_config: {{ca_file: {}}}", file.display())
        });
        let token_file = proxy.token_file.display();
        let credentials = match self.through {
            Through::OAuth2 => format!(
                "oauth2: {{client_id: client-of-{tenant}, client_secret: secret-of-{tenant}, \
                 token_url: \"http://{address}/api/v0/oauth2/token\"}}"
            ),
            _ => format!("authorization: {{credentials_file: {token_file}}}"),
        };
        let base_url = match self.through {
            Through::ProxyUrl => {
                format!("base_url: \"http://api.example/api\", proxy_url: \"http://{address}\"")
            }
            _ => format!("base_url: \"{scheme}://{address}/api\""),
        };
        format!("{credentials}, {base_url}{ca_file}")
    }
}
