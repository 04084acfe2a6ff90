//! Integration tests.

mod cli;
mod corpus;
mod floors;
mod laws;
mod render;
mod support;
