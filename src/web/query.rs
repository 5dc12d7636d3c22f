//! The query parameters of a request.

/// Decoded parameters in order. Invalid UTF-8 becomes replacement characters,
/// which match nothing.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let query = query.unwrap_or_default().as_bytes();
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    /// All values of a parameter.
    pub(crate) fn all<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be given exactly once and not be empty.
    ///
    /// # Errors
    /// The message for the client otherwise.
    pub(crate) fn one(&self, name: &str) -> Result<&str, String> {
        let mut values = self.all(name);
        let value = values.next().filter(|value| !value.is_empty());
        match (value, values.next()) {
            (Some(value), None) => Ok(value),
            (None, None) => Err(format!("the parameter {name:?} is missing")),
            (_, Some(_)) => Err(format!("the parameter {name:?} is given more than once")),
        }
    }
}

/// A value encoded for a query.
pub(crate) fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_parameter_is_decoded_and_must_be_given_once() {
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
        fn encoded_values_are_decoded_to_the_same(value in any::<String>()) {
            let query = format!("v={}", encode(&value));
            let query = Query::parse(Some(&query));
            prop_assert_eq!(query.all("v").next(), Some(value.as_str()));
        }

        #[test]
        fn any_query_can_be_parsed(query in any::<String>()) {
            Query::parse(Some(&query));
        }
    }
}
