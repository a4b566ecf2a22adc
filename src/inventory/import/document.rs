//! The documents in a file: one document of JSON or several in a row.

use serde_json::{Deserializer, Value};

/// A document that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken<'a> {
    /// What is wrong with it.
    pub(super) why: String,
    /// The text from its beginning on.
    pub(super) rest: &'a str,
}

/// The documents in a text up to the first that is broken, and that one.
pub(super) fn documents(text: &str) -> (Vec<Value>, Option<Broken<'_>>) {
    let mut documents = Vec::new();
    let broken = |why: String, rest| Some(Broken { why, rest });
    if text.trim().is_empty() {
        return (documents, broken("it is empty".to_owned(), ""));
    }
    if !text.trim_start().starts_with(['{', '[']) {
        return (documents, broken("it is no JSON; record with `--output json`".to_owned(), ""));
    }
    let mut stream = Deserializer::from_str(text).into_iter();
    loop {
        let start = stream.byte_offset();
        let why = match stream.next() {
            Some(Ok(document)) => {
                documents.push(document);
                continue;
            }
            Some(Err(error)) if error.is_eof() => format!("it is cut off at line {}", error.line()),
            Some(Err(error)) => format!("it is broken JSON: {error}"),
            None => return (documents, None),
        };
        return (documents, broken(why, text.get(start..).unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_up_to_the_first_that_is_broken() {
        let (found, wrong) = documents("{\"a\": 1}\n[2]\n");
        assert_eq!((found.len(), wrong), (2, None));
        let (found, wrong) = documents("{\"a\": 1}\n{\"b\": [1,");
        let wrong = wrong.unwrap();
        assert_eq!((found.len(), wrong.why.as_str()), (1, "it is cut off at line 2"));
        assert_eq!(wrong.rest.trim_start(), "{\"b\": [1,");
        let (found, wrong) = documents("{\"a\": 1}\n{b}");
        assert_eq!((found.len(), wrong.unwrap().why.starts_with("it is broken JSON: ")), (1, true));
        assert_eq!(documents(" \n").1.unwrap().why, "it is empty");
        assert!(documents("RESERVATIONS\tr-1\n").1.unwrap().why.contains("--output json"));
        assert!(documents(&"[".repeat(100_000)).1.is_some());
    }
}
