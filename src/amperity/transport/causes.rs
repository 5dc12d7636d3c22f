//! What went wrong in an exchange: the causes of an error, as a reason to count
//! and as text.

use std::error::Error;
use std::io;

use crate::telemetry::Reason;

/// The reason to count. A peer that breaks the protocol, in the head of a
/// response, in its chunks or in its HTTP/2 frames, sent something malformed; a
/// connection that ends too early is unreachable.
pub(super) fn reason(error: &reqwest::Error) -> Reason {
    let causes = chain(error);
    let any = |is: fn(&(dyn Error + 'static)) -> bool| causes.iter().copied().any(is);
    if any(<dyn Error>::is::<rustls::Error>) {
        Reason::Tls
    } else if error.is_timeout() {
        Reason::Timeout
    } else if error.is_builder() {
        Reason::BadRequest
    } else if error.is_connect() {
        Reason::Unreachable
    } else if any(breaks_protocol) {
        Reason::Malformed
    } else if any(<dyn Error>::is::<hyper::Error>) || !error.is_decode() {
        Reason::Unreachable
    } else {
        Reason::Malformed
    }
}

fn breaks_protocol(cause: &(dyn Error + 'static)) -> bool {
    let by_http1 = cause
        .downcast_ref::<hyper::Error>()
        .is_some_and(hyper::Error::is_parse);
    // A library error is one that this side found in the frames of the peer.
    let by_http2 = cause
        .downcast_ref::<h2::Error>()
        .is_some_and(h2::Error::is_library);
    // As broken chunks and broken compression are reported.
    let by_content = cause.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        )
    });
    by_http1 || by_http2 || by_content
}

/// The causes as text, from the general to the particular. reqwest's own texts
/// are left out: they say little and may hold the whole URL.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in chain(error) {
        if cause.is::<reqwest::Error>() || cause.is::<hyper_util::client::legacy::Error>() {
            continue;
        }
        let text = plain(&cause.to_string());
        if !words.iter().any(|word| word.contains(&text)) {
            words.push(text);
        }
    }
    if words.is_empty() {
        // These three have no cause below them.
        words.push(if error.is_timeout() {
            "no response in time".to_owned()
        } else if error.is_connect() {
            "no connection".to_owned()
        } else if error.is_builder() {
            "not usable".to_owned()
        } else {
            "the connection broke".to_owned()
        });
    }
    words.join(": ")
}

/// The error and what caused it. An [`io::Error`] hides the error it wraps
/// from [`Error::source`]; it is looked into here.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        let wrapped = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        next = wrapped.or_else(|| cause.source());
    }
    causes
}

/// `Connection refused (os error 111)` as `connection refused`.
fn plain(text: &str) -> String {
    let text = match text.find(" (os error") {
        Some(end) => &text[..end],
        None => text,
    };
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        // An abbreviation keeps its capitals.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}
