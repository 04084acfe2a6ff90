//! Integration tests.

mod cli;
mod corpus;
mod documented;
mod floors;
mod laws;
mod readme;
mod render;
mod support;
