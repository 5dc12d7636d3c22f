//! Basic authentication by bcrypt hashes.
//!
//! bcrypt is slow on purpose, so checks run on blocking threads, few at a time,
//! and a valid pair is remembered as a keyed digest. A check that has
//! begun ends and is remembered even if its client has left. Every wrong pair
//! costs as much as the costliest hash in the file, whether the user exists or
//! not.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use hyper::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// The number of valid pairs remembered; more than anybody has users that scrape.
const MAX_REMEMBERED: usize = 1024;

/// Checks that run or wait. Beyond it, requests that need one are refused.
const MAX_CHECKS: usize = 32;

/// bcrypt ignores the rest of a password.
const PASSWORD_BYTES: usize = 72;

/// A check at this cost takes about 20 seconds; users whose hash costs more
/// cannot log in.
const HIGHEST_COST: u32 = 18;

/// Users and their bcrypt hashes.
#[derive(Debug, Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, Arc<Hash>>,
    /// The highest cost of those that can log in.
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
            let parts: Option<HashParts> = text.parse().ok();
            let cost = parts.map_or(0, |parts| parts.get_cost());
            if !(4..=31).contains(&cost) {
                return Err(format!(
                    "the value of {user:?} is not a bcrypt hash; make one with: htpasswd -nB {user}"
                ));
            }
            if cost <= HIGHEST_COST {
                users.cost = users.cost.max(cost);
            }
            let text = text.into();
            users.hashes.insert(user, Arc::new(Hash { cost, text }));
        }
        Ok(users)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// One sentence for each user who cannot log in.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let costly = |hash: &Hash| hash.cost > HIGHEST_COST;
        let users = self.hashes.iter().filter(move |(_, hash)| costly(hash));
        users.map(|(user, hash)| {
            let cost = hash.cost;
            format!(
                "basic_auth_users: {user:?} cannot log in, because a hash of cost {cost} takes too long to check; \
                 make another with: htpasswd -nBC 10 {user}"
            )
        })
    }
}

/// How a check of credentials ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Right,
    Wrong,
    /// Too many checks are under way.
    NotChecked,
}

/// Checks pairs of user and password. Cloning gives the same one.
#[derive(Clone, Debug)]
pub(super) struct PasswordChecker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Checks that run at a time.
    running: Semaphore,
    /// Checks that run or wait.
    all: Arc<Semaphore>,
    /// Two keys, so that digests have 128 bits.
    keys: [RandomState; 2],
    right: Mutex<HashSet<u128>>,
}

impl PasswordChecker {
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Inner {
            running: Semaphore::new(threads.div_ceil(2)),
            all: Arc::new(Semaphore::new(MAX_CHECKS)),
            keys: [RandomState::new(), RandomState::new()],
            right: Mutex::default(),
        }))
    }

    /// Checks the value of an Authorization header.
    pub(super) async fn check_credentials(
        &self,
        users: &Users,
        header: Option<&HeaderValue>,
    ) -> Credentials {
        if users.is_empty() {
            return Credentials::Right;
        }
        let Some((user, password)) = header.and_then(credentials) else {
            return Credentials::Wrong;
        };
        let known = users.hashes.get(&user).cloned();
        let digest = known
            .as_ref()
            .map(|hash| self.0.digest(&user, &password, hash.text.expose_secret()));
        if self.0.is_remembered(digest) {
            return Credentials::Right;
        }
        let Ok(one_of_all) = Arc::clone(&self.0.all).try_acquire_owned() else {
            return Credentials::NotChecked;
        };
        let (inner, cost) = (Arc::clone(&self.0), users.cost);
        // A task of its own: it ends even if the client leaves.
        let check = tokio::spawn(async move {
            let _one_of_all = one_of_all;
            inner.check(known, digest, cost, password).await
        });
        match check.await {
            Ok(true) => Credentials::Right,
            _ => Credentials::Wrong,
        }
    }
}

impl Inner {
    async fn check(
        &self,
        known: Option<Arc<Hash>>,
        digest: Option<u128>,
        cost: u32,
        password: SecretString,
    ) -> bool {
        let Ok(_running) = self.running.acquire().await else {
            return false;
        };
        // Another request with the same pair may have been checked meanwhile.
        if self.is_remembered(digest) {
            return true;
        }
        let check = tokio::task::spawn_blocking(move || verify(known.as_deref(), cost, &password));
        let right = check.await.unwrap_or(false);
        if right && let Some(digest) = digest {
            let mut remembered = self.right();
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            remembered.insert(digest);
        }
        right
    }

    fn is_remembered(&self, digest: Option<u128>) -> bool {
        digest.is_some_and(|digest| self.right().contains(&digest))
    }

    fn right(&self) -> std::sync::MutexGuard<'_, HashSet<u128>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Depends on user, password and hash, and reveals none of them without
    /// the keys.
    fn digest(&self, user: &str, password: &SecretString, hash: &str) -> u128 {
        let pair = (user, password.expose_secret(), hash);
        let [high, low] = &self.keys;
        u128::from(high.hash_one(pair)) << 64 | u128::from(low.hash_one(pair))
    }
}

/// Takes as long as the costliest hash of the file if the pair is wrong.
fn verify(known: Option<&Hash>, cost: u32, password: &SecretString) -> bool {
    let password = password.expose_secret().as_bytes();
    let password = &password[..password.len().min(PASSWORD_BYTES)];
    let Some(hash) = known.filter(|hash| hash.cost <= HIGHEST_COST) else {
        spend(cost, password);
        return false;
    };
    if bcrypt::verify(password, hash.text.expose_secret()).unwrap_or(false) {
        return true;
    }
    // 2^n and 2^n, 2^(n+1) … up to the highest make 2^highest.
    for cost in hash.cost..cost {
        spend(cost, password);
    }
    false
}

fn spend(cost: u32, password: &[u8]) {
    let salt = [0x5a; 16];
    // The black box keeps the compiler from removing the call.
    let _hash = std::hint::black_box(bcrypt::hash_with_salt_bytes(password, cost, salt));
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

    fn header(pair: &str) -> HeaderValue {
        format!("Basic {}", STANDARD.encode(pair)).parse().unwrap()
    }

    fn users(cost: u32) -> Users {
        let hash = bcrypt::hash("secret", cost).unwrap();
        Users::new([("p".to_owned(), hash)]).unwrap()
    }

    async fn give_up_soon(checker: &PasswordChecker, users: &Users, pair: &str) {
        let header = header(pair);
        let check = checker.check_credentials(users, Some(&header));
        let soon = tokio::time::timeout(Duration::from_millis(5), check);
        assert!(soon.await.is_err(), "the check ended too soon to give up");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_check_is_remembered_though_its_client_has_left() {
        let (users, checker) = (users(11), PasswordChecker::new());
        give_up_soon(&checker, &users, "p:secret").await;
        let all = u32::try_from(MAX_CHECKS).unwrap();
        let _ended = checker.0.all.acquire_many(all).await.unwrap();
        // No check could run now.
        let again = checker
            .check_credentials(&users, Some(&header("p:secret")))
            .await;
        assert_eq!(again, Credentials::Right);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn checks_of_clients_that_left_count_towards_the_limit() {
        let (users, checker) = (users(13), PasswordChecker::new());
        for number in 0..MAX_CHECKS {
            give_up_soon(&checker, &users, &format!("p:{number}")).await;
        }
        let refused = checker
            .check_credentials(&users, Some(&header("p:secret")))
            .await;
        assert_eq!(refused, Credentials::NotChecked);
    }

    #[test]
    fn a_right_pair_costs_its_own_hash_only() {
        let hash = |cost| Hash {
            cost,
            text: bcrypt::hash("secret", cost).unwrap().into(),
        };
        let (cheap, right, wrong) = (hash(4), "secret".to_owned().into(), "no".to_owned().into());
        let time = |password: &SecretString| {
            let started = tokio::time::Instant::now();
            verify(Some(&cheap), 11, password);
            started.elapsed()
        };
        assert!(time(&right) * 8 < time(&wrong));
    }

    #[test]
    fn a_hash_too_costly_to_check_refuses_its_user_only() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let costly = hash.replacen("$04$", "$31$", 1);
        let users = [("costly".to_owned(), costly), ("p".to_owned(), hash)];
        let users = Users::new(users).unwrap();
        assert_eq!(users.cost, 4);
        assert_eq!(users.warnings().count(), 1);
        let password = "secret".to_owned().into();
        assert!(!verify(
            Some(&users.hashes["costly"]),
            users.cost,
            &password
        ));
        assert!(verify(Some(&users.hashes["p"]), users.cost, &password));
    }
}
