//! A leaf of text that may be used from anywhere: where something stands in a file and what is wrong with it, what
//! somebody may have meant, how long something takes in people's words, and how foreign text is made harmless.
//!
//! Parts: [`problem`] (places and problems), [`suggest`](mod@suggest), [`duration`], [`number`] (counts and percent),
//! [`encoding`], [`escape`], [`json`], [`command`] (suggested commands, made whole).

pub mod command;
pub mod duration;
pub mod encoding;
pub mod escape;
pub mod json;
pub mod number;
pub mod problem;
pub mod suggest;

pub use command::Commands;
pub use duration::{format_age, format_ago, format_duration, parse_duration};
pub use encoding::decoded;
pub use escape::{csv_safe, html_safe, markdown_safe, terminal_safe};
pub use number::{count, hex, percent, plural, thousands};
pub use problem::{Place, Problem, Source};
pub use suggest::{suggest, suggestion};
