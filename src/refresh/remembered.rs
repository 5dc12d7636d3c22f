//! Values of runs that are remembered by the ids of the runs.

use std::collections::HashMap;
use std::sync::Arc;

/// Values that are remembered, in each of two generations.
const REMEMBERED: usize = 20_000;

/// Values by the ids of runs. When there are too many, those not inserted
/// lately are dropped.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    recent: HashMap<Arc<str>, T>,
    older: HashMap<Arc<str>, T>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self {
            recent: HashMap::new(),
            older: HashMap::new(),
        }
    }
}

impl<T> Remembered<T> {
    pub(super) fn insert(&mut self, id: Arc<str>, value: T) {
        if self.recent.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(id, value);
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.recent.get(id).or_else(|| self.older.get(id))
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.recent.remove(id);
        self.older.remove(id);
    }
}
