//! One file per verb. Each is `fn run(args, &mut Ui) -> Result<Ending>`.

pub(crate) mod analyze;
pub(crate) mod aof;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod keys;
pub(crate) mod man;
pub(crate) mod restore;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod schema;
mod streamed;
pub(crate) mod timeline;
