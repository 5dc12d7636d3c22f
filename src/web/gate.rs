//! What `--web.config.file` asks of a connection and of a request.

/// The rules of the web configuration file, or none.
#[derive(Debug, Default)]
pub struct Gate {}

impl Gate {
    /// Plain HTTP for everybody.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }
}
