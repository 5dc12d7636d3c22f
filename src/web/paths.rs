//! Where the endpoints are: below the route prefix, if there is one.

/// The route prefix and the path of the metrics page.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Such as `/amperity`; empty for none.
    prefix: String,
    /// With the prefix.
    telemetry: String,
}

impl Paths {
    /// Both paths as the flags have them: `prefix` is empty or begins with a
    /// slash and ends without one, `telemetry` is below it.
    #[must_use]
    pub fn new(prefix: &str, telemetry: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            telemetry: format!("{prefix}{telemetry}"),
        }
    }

    /// The path of the metrics page.
    pub(super) fn telemetry(&self) -> &str {
        &self.telemetry
    }

    /// The path of the metrics page, relative to the status page.
    pub(super) fn telemetry_from_status(&self) -> String {
        format!(".{}", &self.telemetry[self.prefix.len()..])
    }

    /// A path without the prefix, such as `/sd`; `None` if it is elsewhere.
    pub(super) fn endpoint<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(&*self.prefix)?;
        rest.starts_with('/').then_some(rest)
    }

    /// Where to send a client that requests `/` or the prefix without a slash.
    /// Relative, since a proxy may add a prefix of its own.
    pub(super) fn redirect(&self, path: &str) -> Option<String> {
        let prefix = self.prefix.strip_prefix('/')?;
        if path == "/" {
            return Some(format!("{prefix}/"));
        }
        let last = prefix.rsplit('/').next().unwrap_or(prefix);
        (path == self.prefix).then(|| format!("{last}/"))
    }
}

impl From<&str> for Paths {
    /// Without a prefix, and with the metrics page at this path.
    fn from(telemetry: &str) -> Self {
        Self::new("", telemetry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_below_the_prefix() {
        let paths = Paths::new("/a/b", "/metrics");
        assert_eq!(paths.telemetry(), "/a/b/metrics");
        assert_eq!(paths.telemetry_from_status(), "./metrics");
        assert_eq!(paths.endpoint("/a/b/-/ready"), Some("/-/ready"));
        for elsewhere in ["/", "/a/b", "/a/bc", "/metrics", "/a/metrics"] {
            assert_eq!(paths.endpoint(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(paths.redirect("/").as_deref(), Some("a/b/"));
        assert_eq!(paths.redirect("/a/b").as_deref(), Some("b/"));
        assert_eq!(paths.redirect("/a"), None);
        assert_eq!(Paths::from("/metrics").endpoint("/sd"), Some("/sd"));
        assert_eq!(Paths::from("/metrics").redirect("/"), None);
    }
}
