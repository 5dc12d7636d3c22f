//! Reads what is not quite JSON: bad text inside a string becomes U+FFFD, and
//! what cannot be read at all costs the entry of a list, not the list.
//!
//! Only an answer that `serde_json` has refused comes here.

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
const REPLACEMENT_ESCAPE: &[u8] = br"\ufffd";

/// The text with everything inside of its strings replaced that JSON does not
/// allow there: bytes that are not UTF-8, control characters, half of a
/// surrogate pair, unknown escapes.
pub(super) fn repaired(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(quote) = rest.iter().position(|byte| *byte == b'"') {
        let (before, string) = rest.split_at(quote + 1);
        out.extend_from_slice(before);
        rest = repair_string(string, &mut out);
    }
    out.extend_from_slice(rest);
    out
}

/// Repairs a string whose first quote was read. Returns what follows it.
fn repair_string<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    loop {
        let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        let plain = rest.iter().position(special).unwrap_or(rest.len());
        let (text, after) = rest.split_at(plain);
        out.extend_from_slice(String::from_utf8_lossy(text).as_bytes());
        match after {
            [] => return after,
            [b'"', after @ ..] => {
                out.push(b'"');
                return after;
            }
            [b'\\', after @ ..] => rest = repair_escape(after, out),
            [_, after @ ..] => {
                out.extend_from_slice(REPLACEMENT);
                rest = after;
            }
        }
    }
}

/// Repairs an escape whose backslash was read. Returns what follows it.
fn repair_escape<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let length = match rest {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
        [b'u', code @ ..] => match unit(code) {
            Some(0xd800..0xdc00) => match code.get(4..) {
                Some([b'\\', b'u', low @ ..]) if is_low(low) => 11,
                _ => return replace_escape(&rest[5..], out),
            },
            Some(0xdc00..0xe000) => return replace_escape(&rest[5..], out),
            Some(_) => 5,
            None => return replace_escape(code, out),
        },
        _ => return replace_escape(rest, out),
    };
    out.push(b'\\');
    out.extend_from_slice(&rest[..length]);
    &rest[length..]
}

fn replace_escape<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    out.extend_from_slice(REPLACEMENT_ESCAPE);
    rest
}

/// Four hexadecimal digits.
fn unit(digits: &[u8]) -> Option<u16> {
    let digits = digits.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| all)
}

fn is_low(digits: &[u8]) -> bool {
    unit(digits).is_some_and(|unit| (0xdc00..0xe000).contains(&unit))
}

/// The entries of the list under the key `data` of an object, each of them
/// unread. `None` if the text does not hold together: it is no object, has no
/// such list, ends too early, or its brackets do not match.
pub(super) fn entries(text: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = None;
    let mut open: Vec<u8> = Vec::new();
    let mut key: &[u8] = b"";
    // Where the entry begins that is being read.
    let mut begin = None;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let end = at + 1 + string_length(text.get(at + 1..)?)?;
                if open.len() == 1 && begin.is_none() {
                    key = &text[at + 1..end];
                }
                at = end;
            }
            b'{' | b'[' => {
                let is_list = *byte == b'[' && open == [b'}'] && key == b"data";
                open.push(if *byte == b'{' { b'}' } else { b']' });
                if is_list && entries.is_none() {
                    entries = Some(Vec::new());
                    begin = Some(at + 1);
                }
            }
            b'}' | b']' => {
                if open.pop() != Some(*byte) {
                    return None;
                }
                if open.len() == 1 {
                    let last = begin.take().map(|begin| text[begin..at].trim_ascii());
                    if let Some(entries) = &mut entries {
                        entries.extend(last.filter(|last| !last.is_empty()));
                    }
                }
                if open.is_empty() {
                    let rest = text.get(at + 1..)?.trim_ascii();
                    return entries.filter(|_| rest.is_empty());
                }
            }
            b',' if open.len() == 2 => {
                if let Some(begin) = &mut begin {
                    let entry = text[*begin..at].trim_ascii();
                    entries.as_mut()?.push(entry);
                    *begin = at + 1;
                }
            }
            byte if open.is_empty() && !byte.is_ascii_whitespace() => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// How many bytes of a string follow its first quote, the last one left out.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text
            .get(at..)?
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}
