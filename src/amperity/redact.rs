//! Texts from outside, made fit for one line of a log, a page or an error: no
//! secret, no control character, not too long.
//!
//! A secret is found in whatever form it comes back: in other case (as in the
//! name of a host), percent-encoded once or twice, in base64, and in part.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// This many consecutive characters of a secret count as a part of it.
const PART: usize = 10;

/// How many layers of percent-encoding are decoded.
const DECODINGS: usize = 3;

/// Replaces a secret.
const MASK: &str = "<secret>";

/// A byte of a text in normal form, and the bytes of the text it represents.
#[derive(Clone, Copy)]
struct Normal {
    byte: u8,
    start: usize,
    end: usize,
}

/// The text without secrets and control characters, at most `longest`
/// characters of it.
pub(super) fn clean(text: &str, longest: usize, secrets: &[&SecretString]) -> String {
    let text: String = text
        .chars()
        // More than is shown, as secrets get shorter.
        .take(longest.saturating_mul(8).saturating_add(4096))
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let text = without_secrets(&text, secrets);
    let text = text.trim();
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn without_secrets(text: &str, secrets: &[&SecretString]) -> String {
    let mut hidden = vec![false; text.len()];
    for secret in secrets {
        for form in forms(secret.expose_secret().as_bytes()) {
            for normal in normal_forms(text) {
                hide(&mut hidden, &normal, &form);
            }
        }
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut was_hidden = false;
    for (at, letter) in text.char_indices() {
        let is_hidden = hidden[at];
        if is_hidden && !was_hidden {
            cleaned.push_str(MASK);
        } else if !is_hidden {
            cleaned.push(letter);
        }
        was_hidden = is_hidden;
    }
    cleaned
}

/// The secret itself and its base64, which depends on how many bytes stand
/// before it; in normal form.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret);
        let encoded = BASE64_STANDARD_NO_PAD.encode(bytes).into_bytes();
        // The first characters and the last one depend on the neighbours.
        let from = if before == 0 { 0 } else { before + 1 };
        forms.push(encoded[from..encoded.len().saturating_sub(1).max(from)].to_vec());
    }
    for form in &mut forms {
        form.make_ascii_lowercase();
        for byte in form.iter_mut() {
            *byte = plain(*byte);
        }
    }
    forms
}

/// One spelling for the characters in which the alphabets of base64 differ.
fn plain(byte: u8) -> u8 {
    match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other.to_ascii_lowercase(),
    }
}

/// The text as it is and with its percent-encoding undone, in normal form.
fn normal_forms(text: &str) -> Vec<Vec<Normal>> {
    let bytes = text.bytes().enumerate();
    let mut decoded: Vec<Normal> = bytes
        .map(|(at, byte)| Normal {
            byte,
            start: at,
            end: at + 1,
        })
        .collect();
    let mut forms = vec![decoded.clone()];
    for _ in 0..DECODINGS {
        let again = percent_decoded(&decoded);
        if again.len() == decoded.len() {
            break;
        }
        decoded = again;
        forms.push(decoded.clone());
    }
    for form in &mut forms {
        for normal in form.iter_mut() {
            normal.byte = plain(normal.byte);
        }
    }
    forms
}

fn percent_decoded(text: &[Normal]) -> Vec<Normal> {
    let digit = |at: usize| char::from(text.get(at)?.byte).to_digit(16);
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let code = match (text[at].byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        let length = if code.is_some() { 3 } else { 1 };
        decoded.push(Normal {
            byte: code.unwrap_or(text[at].byte),
            start: text[at].start,
            end: text[at + length - 1].end,
        });
        at += length;
    }
    decoded
}

/// Marks what the text and the secret have in common, if that is a part of the
/// secret and not chance.
fn hide(hidden: &mut [bool], text: &[Normal], secret: &[u8]) {
    let part = PART.min(secret.len());
    if part == 0 {
        return;
    }
    let parts: HashSet<&[u8]> = secret.windows(part).collect();
    let bytes: Vec<u8> = text.iter().map(|normal| normal.byte).collect();
    for (at, window) in bytes.windows(part).enumerate() {
        if parts.contains(window) {
            hidden[text[at].start..text[at + part - 1].end].fill(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "opaque-Token+/=_0123456789abcdefXYZ";

    fn cleaned(text: &str) -> String {
        clean(text, 300, &[&SecretString::from(SECRET)])
    }

    fn percent_encoded(text: &str) -> String {
        let encode = |encoded: String, byte| encoded + &format!("%{byte:02x}");
        text.bytes().fold(String::new(), encode)
    }

    #[test]
    fn a_secret_is_hidden_in_every_form_it_comes_back_in() {
        let encode = |text: String| base64::prelude::BASE64_STANDARD.encode(text);
        let url_safe = |text: String| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
        let form: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        for text in [
            SECRET.to_owned(),
            SECRET.to_lowercase(),
            SECRET.to_uppercase(),
            form.clone(),
            percent_encoded(SECRET),
            percent_encoded(&percent_encoded(SECRET)),
            percent_encoded(&form),
            encode(SECRET.to_owned()),
            encode(format!("Bearer {SECRET}")),
            encode(format!("the client:{SECRET}")),
            url_safe(format!("x{SECRET}")),
            url_safe(format!("xy{SECRET}")),
            format!("xn--{}-9ya", &SECRET[..6].to_owned()) + &SECRET.to_lowercase(),
        ] {
            let shown = cleaned(&format!("said <{text}> and more"));
            assert!(shown.starts_with("said <"), "{text}: {shown}");
            assert!(
                shown.contains("<secret>") && shown.ends_with(" and more"),
                "{text}: {shown}"
            );
            assert!(shown.len() < 45, "{text}: {shown}");
        }
    }

    #[test]
    fn a_part_of_a_secret_is_hidden_and_a_common_word_is_not() {
        assert_eq!(
            cleaned("token opaque-Toke… is wrong"),
            "token <secret>… is wrong"
        );
        assert_eq!(cleaned("ends in abcdefXYZ789"), "ends in abcdefXYZ789");
        assert_eq!(cleaned("the token is opaque"), "the token is opaque");
    }

    #[test]
    fn a_short_secret_is_hidden_as_a_whole() {
        let short = SecretString::from("s3cret");
        assert_eq!(
            clean("a s3cret, S3CRET!", 99, &[&short]),
            "a <secret>, <secret>!"
        );
        assert_eq!(clean("as is", 99, &[&SecretString::from("")]), "as is");
    }

    #[test]
    fn control_characters_become_spaces_and_long_texts_are_cut() {
        assert_eq!(cleaned("one\ntwo \u{1b}[31m"), "one two  [31m");
        assert_eq!(clean("ééééé", 3, &[]), "ééé…");
    }

    proptest! {
        #[test]
        fn no_part_of_a_secret_survives(before in ".{0,20}", after in ".{0,20}", from in 0..25_usize, length in 10..35_usize) {
            let part: String = SECRET.chars().skip(from).take(length.min(35 - from)).collect();
            prop_assume!(part.len() >= PART);
            let shown = clean(&format!("{before}{part}{after}"), 300, &[&SecretString::from(SECRET)]);
            prop_assert!(!shown.to_lowercase().contains(&part.to_lowercase()), "{shown}");
        }
    }
}
