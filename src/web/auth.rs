//! Basic authentication by bcrypt hashes.
//!
//! bcrypt is slow on purpose, so it runs on blocking threads, few at a time,
//! and a pair that was right is remembered, as a keyed digest. Every wrong
//! pair costs the same, that of the costliest hash in the file: an unknown
//! user is checked against nothing, and one with a cheaper hash against
//! nothing as well until the costs are equal.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use hyper::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// Right pairs remembered; more than anybody has users who scrape.
const REMEMBERED: usize = 1024;

/// bcrypt sees no more of a password.
const PASSWORD_BYTES: usize = 72;

/// A check at this cost takes about ten seconds.
const HIGHEST_COST: u32 = 17;

/// Users and their bcrypt hashes.
#[derive(Debug, Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, Arc<Hash>>,
    cost: u32,
}

struct Hash {
    cost: u32,
    text: SecretString,
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Hash(cost {})", self.cost)
    }
}

impl Users {
    pub(super) fn new(hashes: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut users = Self::default();
        for (user, text) in hashes {
            if user.contains(':') {
                return Err(format!("the user name {user:?} must not contain a colon"));
            }
            let parts: HashParts = text.parse().map_err(|_| {
                format!(
                    "the value of {user:?} is no bcrypt hash; make one with: htpasswd -nB {user}"
                )
            })?;
            let cost = parts.get_cost();
            if !(4..=HIGHEST_COST).contains(&cost) {
                return Err(format!(
                    "the hash of {user:?} has cost {cost}; use one from 4 to {HIGHEST_COST}"
                ));
            }
            users.cost = users.cost.max(cost);
            let text = text.into();
            users.hashes.insert(user, Arc::new(Hash { cost, text }));
        }
        Ok(users)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// Checks pairs of user and password.
#[derive(Debug)]
pub(super) struct Checker {
    /// How many checks run at a time; the others wait. A check goes on when
    /// nobody waits for it any more, so it keeps its place until it ends.
    checks: Arc<Semaphore>,
    /// Two keys, so that digests have 128 bits.
    keys: [RandomState; 2],
    right: Mutex<HashSet<u128>>,
}

impl Checker {
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            checks: Arc::new(Semaphore::new(threads.div_ceil(2))),
            keys: [RandomState::new(), RandomState::new()],
            right: Mutex::default(),
        }
    }

    /// Whether the value of an Authorization header lets somebody in.
    pub(super) async fn admits(&self, users: &Users, header: Option<&HeaderValue>) -> bool {
        if users.is_empty() {
            return true;
        }
        let Some((user, password)) = header.and_then(credentials) else {
            return false;
        };
        let known = users.hashes.get(&user).cloned();
        let digest = known
            .as_ref()
            .map(|hash| self.digest(&user, &password, hash.text.expose_secret()));
        if let Some(digest) = digest
            && self.right().contains(&digest)
        {
            return true;
        }
        let Ok(one_of_few) = Arc::clone(&self.checks).acquire_owned().await else {
            return false;
        };
        let cost = users.cost;
        let check = tokio::task::spawn_blocking(move || {
            let _one_of_few = one_of_few;
            check(known.as_deref(), cost, &password)
        });
        let right = check.await.unwrap_or(false);
        if right && let Some(digest) = digest {
            let mut remembered = self.right();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(digest);
        }
        right
    }

    fn right(&self) -> std::sync::MutexGuard<'_, HashSet<u128>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Differs as soon as user, password or hash do, and tells nobody
    /// anything without the keys.
    fn digest(&self, user: &str, password: &SecretString, hash: &str) -> u128 {
        let pair = (user, password.expose_secret(), hash);
        let [high, low] = &self.keys;
        u128::from(high.hash_one(pair)) << 64 | u128::from(low.hash_one(pair))
    }
}

/// Works as long as the costliest hash takes, whatever the outcome.
fn check(known: Option<&Hash>, cost: u32, password: &SecretString) -> bool {
    let password = password.expose_secret().as_bytes();
    let password = &password[..password.len().min(PASSWORD_BYTES)];
    let Some(hash) = known else {
        waste(cost, password);
        return false;
    };
    let right = bcrypt::verify(password, hash.text.expose_secret()).unwrap_or(false);
    // 2^n and 2^n, 2^(n+1) … up to the highest make 2^highest.
    for cost in hash.cost..cost {
        waste(cost, password);
    }
    right
}

fn waste(cost: u32, password: &[u8]) {
    let salt = [0x5a; 16];
    // Used, so that it cannot be left out.
    let _wasted = std::hint::black_box(bcrypt::hash_with_salt_bytes(password, cost, salt));
}

fn credentials(header: &HeaderValue) -> Option<(String, SecretString)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned().into()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn checks_that_nobody_waits_for_any_more_still_take_their_turn() {
        let hash = bcrypt::hash("secret", 11).unwrap();
        let users = Users::new([("p".to_owned(), hash)]).unwrap();
        let checker = Checker::new();
        let few = checker.checks.available_permits();
        let wrong = HeaderValue::from_static("Basic cDp3cm9uZw==");
        for _ in 0..few + 3 {
            let soon = Duration::from_millis(5);
            let given_up = tokio::time::timeout(soon, checker.admits(&users, Some(&wrong)));
            assert!(given_up.await.is_err(), "it was too fast to be given up");
        }
        assert_eq!(checker.checks.available_permits(), 0);
        let all = u32::try_from(few).unwrap();
        let _all = checker.checks.acquire_many(all).await.unwrap();
    }
}
