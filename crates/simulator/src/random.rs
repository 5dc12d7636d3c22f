//! Reproducible random numbers and ids, derived from a seed and from what they
//! are for, so that nothing generated has to be stored.

use fastrand::Rng;

const DIGITS: &[u8; 10] = b"0123456789";
const MIXED: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A generator that gives the same numbers for the same parts.
pub(super) fn rng(parts: &[u64]) -> Rng {
    let seed = parts.iter().fold(0x6a09_e667_f3bc_c908, |seed: u64, part| {
        mix(seed.rotate_left(5) ^ mix(*part))
    });
    Rng::with_seed(seed)
}

/// The FNV-1a hash of a text.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Decimal digits.
pub(super) fn digits(rng: &mut Rng, length: usize) -> String {
    letters(rng, DIGITS, length)
}

/// Digits and letters of both cases.
pub(super) fn mixed(rng: &mut Rng, length: usize) -> String {
    letters(rng, MIXED, length)
}

/// A random number within `percent` of `usual`.
pub(super) fn around(rng: &mut Rng, usual: u64, percent: u64) -> u64 {
    let spread = usual / 100 * percent + usual % 100 * percent / 100;
    usual - spread + rng.u64(0..=spread.saturating_mul(2))
}

fn letters(rng: &mut Rng, alphabet: &[u8], length: usize) -> String {
    (0..length)
        .filter_map(|_| rng.choice(alphabet))
        .map(|byte| char::from(*byte))
        .collect()
}

/// The finishing steps of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
