//! How the domain's types are written in the state file. The file mirrors
//! the ledger: an unknown field is passed over, a change of meaning takes a
//! new version in [`super::store`].

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::jobs::{Rows, State};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "Rows")]
pub(super) struct RowsFormat {
    read: Option<u64>,
    inserted: Option<u64>,
    updated: Option<u64>,
    rejected: Option<u64>,
    errors: Option<u64>,
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        // Not `parse`: a name that was written must come back as it was.
        let known = Self::KNOWN.into_iter().find(|state| state.as_str() == name);
        Ok(known.unwrap_or_else(|| Self::Other(name.into())))
    }
}

/// Runs by state, with every terminal state, whichever the file names.
pub(super) fn runs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<State, u64>, D::Error> {
    let mut runs = BTreeMap::from(State::TERMINAL.map(|state| (state, 0)));
    runs.extend(BTreeMap::<State, u64>::deserialize(deserializer)?);
    Ok(runs)
}
