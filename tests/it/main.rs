//! Integration tests.

mod cli;
mod corpus;
mod documented;
mod floors;
mod hostile;
mod laws;
mod readme;
mod render;
mod support;
