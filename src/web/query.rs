//! The parameters of a request's query.

use std::borrow::Cow;

/// Decoded parameters, in their order.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let Some(query) = query else {
            return Self(Vec::new());
        };
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self(pairs)
    }

    /// Every value of a parameter.
    pub(super) fn all<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be there once and not be empty.
    ///
    /// # Errors
    /// What to tell the client otherwise.
    pub(super) fn one(&self, name: &str) -> Result<&str, String> {
        let mut values = self.all(name);
        let value = values.next().filter(|value| !value.is_empty());
        match (value, values.next()) {
            (Some(value), None) => Ok(value),
            (None, None) => Err(format!("the parameter {name:?} is missing")),
            (_, Some(_)) => Err(format!("the parameter {name:?} is given more than once")),
        }
    }
}

/// `%20` and `+` as forms write them. Bytes that are not UTF-8 become
/// replacement characters and then match nothing.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'+', _) => (b' ', after),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', &rest[1..]),
            },
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// A value as it can stand in a query.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_parameter_is_decoded_and_must_be_there_exactly_once() {
        let query = Query::parse(Some("tenant=sock%20town&job=isj%2D1&x=1&x=2&empty=&%zz=+"));
        assert_eq!(query.one("tenant"), Ok("sock town"));
        assert_eq!(query.one("job"), Ok("isj-1"));
        assert_eq!(query.one("%zz"), Ok(" "));
        assert_eq!(
            query.one("x").unwrap_err(),
            "the parameter \"x\" is given more than once"
        );
        for missing in ["empty", "absent"] {
            assert!(query.one(missing).unwrap_err().contains("missing"));
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_to_the_same(value in any::<String>()) {
            let query = format!("v={}", encode(&value));
            let query = Query::parse(Some(&query));
            prop_assert_eq!(query.all("v").next(), Some(value.as_str()));
        }

        #[test]
        fn any_query_can_be_read(query in any::<String>()) {
            Query::parse(Some(&query));
        }
    }
}
