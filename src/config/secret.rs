//! A secret: given in place, or the path of a file that is read when it is
//! needed, so that a rotated one works without a restart.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

/// A secret, or where it is read. `Debug` shows the path, never the secret.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The secret itself.
    Value(SecretString),
    /// A file that holds it; white space around it does not count.
    File(PathBuf),
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(one), Self::Value(two)) => one.expose_secret() == two.expose_secret(),
            (Self::File(one), Self::File(two)) => one == two,
            _ => false,
        }
    }
}
