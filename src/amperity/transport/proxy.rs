//! The proxy variables, interpreted as curl does: lowercase names win, an
//! empty variable is not set, a missing scheme is `http://`, a missing port
//! 1080. Unlike in curl, what cannot be used is an error.

use std::ffi::OsString;

use reqwest::{NoProxy, Proxy, Url};

const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// curl ignores `HTTP_PROXY`, which a client of a CGI program can set; this
/// is none.
const HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// curl's default.
const PORT: u16 = 1080;

/// The proxies of the environment.
///
/// # Errors
/// If a variable cannot be used. The message names it without its value, which
/// may contain a password.
pub(super) fn from_environment(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<Proxy>, String> {
    let proxies = Proxies::new(variable)?;
    let exceptions = NoProxy::from_string(&proxies.exceptions);
    let https = proxies.https.map(Proxy::https);
    let http = proxies.http.map(Proxy::http);
    https
        .into_iter()
        .chain(http)
        .map(|proxy| {
            let proxy = proxy.map_err(|_| "the proxy of the environment cannot be used")?;
            Ok(proxy.no_proxy(exceptions.clone()))
        })
        .collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Proxies {
    https: Option<Url>,
    http: Option<Url>,
    /// Hosts, domains and networks that are reached directly.
    exceptions: String,
}

impl Proxies {
    fn new(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, String> {
        let first = |names: &[&'static str]| {
            let mut set = names.iter().filter_map(|name| {
                let value = variable(name).filter(|value| !value.is_empty())?;
                let value = value.into_string();
                Some(
                    value
                        .map_err(|_| format!("{name}: not UTF-8"))
                        .map(|value| (*name, value)),
                )
            });
            set.next().transpose()
        };
        let exceptions = first(&EXCEPTIONS)?.map_or_else(String::new, |(_, value)| value);
        if exceptions.trim() == "*" {
            return Ok(Self::default());
        }
        let proxy = |names| match first(names)? {
            Some((name, value)) => parse(&value)
                .map(Some)
                .map_err(|problem| format!("{name}: {problem}, such as http://proxy.example:3128")),
            None => Ok::<_, String>(None),
        };
        let hosts = exceptions.split([',', ' ', '\t']);
        let hosts = hosts.filter(|host| !matches!(*host, "" | "*"));
        Ok(Self {
            https: proxy(&HTTPS)?,
            http: proxy(&HTTP)?,
            exceptions: hosts.collect::<Vec<_>>().join(",").to_lowercase(),
        })
    }
}

fn parse(value: &str) -> Result<Url, &'static str> {
    let unusual = |letter: char| letter.is_whitespace() || letter.is_control();
    if value.contains(unusual) || value.contains(['"', '\'', '`', '<', '>']) {
        return Err("contains white space or quotes; it must be the URL of a proxy");
    }
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err("only http:// and https:// proxies are supported; it must be a URL");
    }
    let invalid = "not the URL of a proxy; it must be HOST:PORT or a URL";
    let mut url: Url = format!("{scheme}://{rest}").parse().map_err(|_| invalid)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let after_host = authority.rsplit(['@', ']']).next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("http") && !after_host.contains(':') {
        url.set_port(Some(PORT)).map_err(|()| invalid)?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, String> {
        Proxies::new(|name| {
            let variable = variables.iter().find(|(key, _)| *key == name);
            variable.map(|(_, value)| value.into())
        })
    }

    fn https(variables: &[(&str, &str)]) -> Option<String> {
        proxies(variables).unwrap().https.map(String::from)
    }

    #[test]
    fn lowercase_wins_and_empty_is_not_set() {
        let both = [("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:1")];
        assert_eq!(https(&both).unwrap(), "http://a:1/");
        let empty = [("https_proxy", ""), ("HTTPS_PROXY", "http://b:1")];
        assert_eq!(https(&empty).unwrap(), "http://b:1/");
        let empty = [("HTTPS_PROXY", ""), ("https_proxy", "http://a:1")];
        assert_eq!(https(&empty).unwrap(), "http://a:1/");
        assert_eq!(
            https(&[("ALL_PROXY", "http://c:1")]).unwrap(),
            "http://c:1/"
        );
        assert_eq!(https(&[("http_proxy", "http://a:1")]), None);
    }

    #[test]
    fn scheme_and_port_have_curls_defaults() {
        let value = |value| https(&[("https_proxy", value)]).unwrap();
        assert_eq!(value("proxy:3128"), "http://proxy:3128/");
        assert_eq!(value("proxy"), "http://proxy:1080/");
        assert_eq!(
            value("http://user:p%40ss@proxy"),
            "http://user:p%40ss@proxy:1080/"
        );
        assert_eq!(value("http://proxy:80"), "http://proxy/");
        assert_eq!(value("https://proxy"), "https://proxy/");
        assert_eq!(value("[::1]:3128"), "http://[::1]:3128/");
        assert_eq!(value("http://[::1]"), "http://[::1]:1080/");
    }

    #[test]
    fn an_unusable_variable_is_an_error_without_its_value() {
        let error = |value| proxies(&[("HTTPS_PROXY", value)]).unwrap_err();
        insta::assert_snapshot!(error("\"http://hush@proxy:3128\""), @"HTTPS_PROXY: contains white space or quotes; it must be the URL of a proxy, such as http://proxy.example:3128");
        insta::assert_snapshot!(error("http://hush@proxy:3128\r"), @"HTTPS_PROXY: contains white space or quotes; it must be the URL of a proxy, such as http://proxy.example:3128");
        insta::assert_snapshot!(error("http://hush@proxy:port"), @"HTTPS_PROXY: not the URL of a proxy; it must be HOST:PORT or a URL, such as http://proxy.example:3128");
        insta::assert_snapshot!(error("socks5://hush@proxy:1"), @"HTTPS_PROXY: only http:// and https:// proxies are supported; it must be a URL, such as http://proxy.example:3128");
        insta::assert_snapshot!(error("http://"), @"HTTPS_PROXY: not the URL of a proxy; it must be HOST:PORT or a URL, such as http://proxy.example:3128");
        let both = [("http_proxy", "a b"), ("https_proxy", "proxy")];
        assert!(proxies(&both).unwrap_err().starts_with("http_proxy: "));
    }

    #[test]
    fn no_proxy_is_a_list_or_a_star() {
        let exceptions = |value| {
            let variables = [("https_proxy", "proxy"), ("NO_PROXY", value)];
            proxies(&variables).unwrap()
        };
        assert_eq!(exceptions("*"), Proxies::default());
        let list = exceptions(" A.example, .corp 10.0.0.0/8,*");
        assert_eq!(list.exceptions, "a.example,.corp,10.0.0.0/8");
        assert!(list.https.is_some());
        assert_eq!(from_environment(|_| None).unwrap().len(), 0);
    }
}
