//! Looks at what is stored without changing anything or taking the lock.

use std::path::Path;

use super::connection::read_only;
use super::database::refusal;
use super::error::StoreError;
use super::file::{self, Contents};
use super::import;
use super::read::Histories;

/// Whether a start would find a file that it can use, as far as can be seen
/// without changing anything or taking the lock.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    let contents = file::inspect(path)?;
    file::try_folder(path)?;
    let problem = match contents {
        Contents::Missing | Contents::Empty | Contents::Json => return Ok(()),
        Contents::Damaged(problem) => problem,
        Contents::Database => match read_only(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.is_damage() => error.to_string(),
            Err(error) => return Err(refusal(path, &error)),
        },
    };
    Err(StoreError::Damaged {
        path: path.to_path_buf(),
        problem,
    })
}

/// What is stored where nothing can be written.
pub(super) fn stored(path: &Path) -> Result<Histories, StoreError> {
    match file::inspect(path)? {
        Contents::Database => read_only(path).map_err(|error| refusal(path, &error)),
        Contents::Missing | Contents::Empty => Ok(Histories::new()),
        Contents::Json => {
            let contents = std::fs::read(path);
            let contents = contents.map_err(|cause| StoreError::unusable("read", path, cause))?;
            import::parse(&contents)
                .map_err(|error| StoreError::unusable("read", path, error.into()))
        }
        Contents::Damaged(problem) => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            problem,
        }),
    }
}
