//! Chance that can be repeated: numbers and ids that follow from a seed and
//! the name of the thing they are for, so that the world needs no memory.

use fastrand::Rng;

const DIGITS: &[u8; 10] = b"0123456789";
const LOWER: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const MIXED: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Dice that always fall the same way for the same parts.
pub(super) fn dice(parts: &[u64]) -> Rng {
    let seed = parts.iter().fold(0x6a09_e667_f3bc_c908, |seed: u64, part| {
        scatter(seed.rotate_left(5) ^ scatter(*part))
    });
    Rng::with_seed(seed)
}

/// A number for a text (FNV-1a).
pub(super) fn number_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Decimal digits.
pub(super) fn digits(dice: &mut Rng, length: usize) -> String {
    letters(dice, DIGITS, length)
}

/// Digits and lower-case letters.
pub(super) fn lower(dice: &mut Rng, length: usize) -> String {
    letters(dice, LOWER, length)
}

/// Digits and letters of both cases.
pub(super) fn mixed(dice: &mut Rng, length: usize) -> String {
    letters(dice, MIXED, length)
}

/// `usual`, give or take `percent` of it.
pub(super) fn around(dice: &mut Rng, usual: u64, percent: u64) -> u64 {
    let spread = usual / 100 * percent + usual % 100 * percent / 100;
    usual - spread + dice.u64(0..=spread.saturating_mul(2))
}

fn letters(dice: &mut Rng, alphabet: &[u8], length: usize) -> String {
    (0..length)
        .filter_map(|_| dice.choice(alphabet))
        .map(|byte| char::from(*byte))
        .collect()
}

/// The finishing steps of splitmix64.
fn scatter(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
