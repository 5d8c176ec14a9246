//! What clients really send and the RFC does not have (floor 1): each deviation is one named rewrite.
//!
//! Answers stay strict; only what comes in is rewritten, and nowhere but here. The documentation of
//! every function names the client that needs it and the transcript that shows it: files of
//! `tests/transcripts/`, replayed on both databases. What was ignored or rewritten is kept in
//! [`Notes`] and ends up in the provisioning log.

mod filters;
mod notes;
mod operations;
mod requests;
mod schemas;
mod values;

pub use filters::{boolean_text, is_unquoted_text, misnamed_attribute, test_behind_value_path};
pub use notes::Notes;
pub use operations::{key_as_path, member_id, names_element, no_path, one_in_array, operation_name, typed_element};
pub use requests::{is_json, path_segments, unknown_parameter};
pub use schemas::{any_case, draft_urn, names_message, schemas, take_any_case};
pub use values::{
    bare_value, empty_text, is_bare_text, is_empty_object, json_in_string, manager_id, one_for_many, read_only,
    string_boolean, string_number,
};
