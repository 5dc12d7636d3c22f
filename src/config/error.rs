//! What is wrong with a configuration: every problem that was found, one line
//! each, with the place and what to do. Values are not repeated: any of them
//! may be a secret in the wrong place.

use std::fmt;
use std::path::{Path, PathBuf};

use super::file::Origin;

/// A configuration that cannot be used. Displays as one line per problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    /// The problems, one line each, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    pub(super) fn one(problem: String) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

/// The problems found so far.
#[derive(Debug)]
pub(super) struct Problems {
    file: Option<PathBuf>,
    found: Vec<(u64, String)>,
}

impl Problems {
    pub(super) fn new(file: Option<&Path>) -> Self {
        Self {
            file: file.map(Path::to_path_buf),
            found: Vec::new(),
        }
    }

    /// The file that contains the values.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Notes a problem with the value at `place`, which is such as
    /// `tenants[0].jobs`.
    pub(super) fn add(&mut self, origin: Origin, place: &str, message: impl fmt::Display) {
        match origin {
            Origin::Line(line) => {
                let file = self.file.as_deref().unwrap_or(Path::new("")).display();
                let problem = format!("{file}:{line}: {place}: {message}");
                self.found.push((line, problem));
            }
            Origin::Named(name) => self.found.push((0, format!("{name}: {message}"))),
        }
    }

    /// Notes that something is missing from the file as a whole.
    pub(super) fn add_missing(&mut self, message: impl fmt::Display) {
        let problem = match &self.file {
            Some(file) => format!("{}: {message}", file.display()),
            None => message.to_string(),
        };
        self.found.push((0, problem));
    }

    /// `value`, unless a problem was found.
    pub(super) fn or<T>(mut self, value: T) -> Result<T, ConfigError> {
        if self.found.is_empty() {
            return Ok(value);
        }
        self.found.sort_by_key(|(line, _)| *line);
        Err(ConfigError {
            problems: self.found.into_iter().map(|(_, problem)| problem).collect(),
        })
    }
}
