//! TELL: what was seen, decided and done, as text for people and as data for machines. Pure: facts in, strings out.
//!
//! The first line answers the question; details follow, the most urgent first; the last line says what to type next.
//! The same facts have the same words in every format. Foreign text is escaped where it becomes text of a format.
//!
//! - [`inventory`]: what runs, and what needs patching.
//! - [`nodes`]: nodes as a list, or their totals, by columns.
//! - [`explain`]: one node, with the evidence.
//! - [`plan`]: what would be done, and what not.
//! - [`run`]: what was done.
//! - [`html`]: fleet and run as one page that works without a network.
//! - [`channels`], [`images`]: where versions are.
//! - [`schema`]: JSON Schemas of what is told as data.
//! - [`sheet`]: rows for spreadsheets and pull requests.
//! - [`table`]: text in columns.
//! - [`words`]: phrases that several of them use.

pub mod channels;
pub mod compare;
pub mod explain;
pub mod html;
pub mod images;
pub mod inventory;
pub mod nodes;
pub mod plan;
pub mod run;
pub mod schema;
pub mod sheet;
pub mod table;
pub mod words;

#[cfg(test)]
pub(crate) mod sample;
