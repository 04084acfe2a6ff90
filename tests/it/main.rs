//! Integration tests.

mod cli;
mod corpus;
mod floors;
mod laws;
mod readme;
mod render;
mod support;
