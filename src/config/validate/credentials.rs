//! How a tenant authenticates: one token or one OAuth2 client, never both.

use crate::config::Credentials;
use crate::config::file::{self, Origin, Written};
use crate::config::secret::Kind;
use crate::config::values::Reader;

/// The tenant's credentials; `None` if there is a problem, which is noted.
pub(super) fn credentials(
    reader: &mut Reader,
    entry: &Written<file::Tenant>,
    place: &str,
) -> Option<Credentials> {
    let written = &entry.value;
    match (&written.authorization, &written.oauth2) {
        (Some(_), Some(_)) => {
            let message = "two credentials; keep authorization or oauth2, not both";
            reader.problems.add(entry.origin, place, message);
            None
        }
        (Some(authorization), None) => token(reader, authorization, entry.origin, place),
        (None, Some(oauth2)) => client(reader, oauth2, entry.origin, place),
        (None, None) => {
            let message =
                "no credentials; add `authorization: {credentials_file: …}` or `oauth2: …`";
            reader.problems.add(entry.origin, place, message);
            None
        }
    }
}

fn token(
    reader: &mut Reader,
    written: &file::Authorization,
    origin: Origin,
    place: &str,
) -> Option<Credentials> {
    let section = format!("{place}.authorization");
    match (&written.credentials_file, &written.credentials) {
        (Some(path), None) => {
            let place = format!("{section}.credentials_file");
            let secret = reader.secret_file(path, &place, Kind::Token);
            Some(Credentials::Token(secret))
        }
        (None, Some(value)) => {
            let place = format!("{section}.credentials");
            let secret = reader.secret_value(value, &place, Kind::Token);
            Some(Credentials::Token(secret))
        }
        (both, _) => {
            let message = match (both, origin) {
                (Some(_), Origin::Line(_)) => {
                    "two credentials; keep credentials_file or credentials, not both"
                }
                (None, Origin::Line(_)) => "no credentials; add credentials_file or credentials",
                (Some(_), Origin::Named(_)) => {
                    "two credentials; give a token file or AMPERITY_TOKEN, not both"
                }
                (None, Origin::Named(_)) => {
                    "no credentials; add --amperity.token-file=FILE or set AMPERITY_TOKEN"
                }
            };
            reader.problems.add(origin, &section, message);
            None
        }
    }
}

fn client(
    reader: &mut Reader,
    written: &file::OAuth2,
    origin: Origin,
    place: &str,
) -> Option<Credentials> {
    let section = format!("{place}.oauth2");
    let mut missing = |field: &str| {
        let message = format!("{field} is missing; add it");
        reader.problems.add(origin, &section, message);
    };
    if written.client_id.is_none() {
        missing("client_id");
    }
    if written.token_url.is_none() {
        missing("token_url");
    }
    let client_secret = match (&written.client_secret_file, &written.client_secret) {
        (Some(path), None) => {
            let place = format!("{section}.client_secret_file");
            Some(reader.secret_file(path, &place, Kind::ClientSecret))
        }
        (None, Some(value)) => {
            let place = format!("{section}.client_secret");
            Some(reader.secret_value(value, &place, Kind::ClientSecret))
        }
        (Some(_), Some(_)) => {
            let message = "two secrets; keep client_secret_file or client_secret, not both";
            reader.problems.add(origin, &section, message);
            None
        }
        (None, None) => {
            missing("client_secret_file");
            None
        }
    };
    let client_id = written.client_id.as_ref();
    let client_id = client_id.map(|id| reader.word(id, &format!("{section}.client_id")));
    let token_url = written.token_url.as_ref();
    let token_url = token_url.and_then(|url| reader.url(url, &format!("{section}.token_url")));
    Some(Credentials::OAuth2 {
        client_id: client_id?,
        client_secret: client_secret?,
        token_url: token_url?,
    })
}
