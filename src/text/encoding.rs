//! The text in the bytes of a file that people or their tools wrote: UTF-8 or, as PowerShell writes it, UTF-16.

use std::borrow::Cow;

/// The text of a file.
///
/// # Errors
/// Why it is none.
pub fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    let wide = |order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| order([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map(Cow::Owned).map_err(|_| "it is no text in UTF-8 or UTF-16")
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            std::str::from_utf8(rest).map(Cow::Borrowed).map_err(|_| "it is no text in UTF-8")
        }
        _ => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| "it is no text in UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_either_width_are_read() {
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("{}".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decoded(&wide).unwrap(), "{}");
        assert_eq!(decoded(b"\xef\xbb\xbf{}").unwrap(), "{}");
        assert_eq!(decoded(b"\xff\xfe\x00").unwrap(), "");
        assert!(decoded(b"\x1f\x8b\x08").is_err());
    }
}
