//! Integration tests.

mod cli;
mod corpus;
mod floors;
mod hostile;
mod laws;
mod render;
mod support;
