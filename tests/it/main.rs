//! Integration tests.

mod broken;
mod cli;
mod corpus;
mod floors;
mod hostile;
mod laws;
mod mutations;
mod render;
mod support;
