//! Integration tests.

mod cli;
mod render;
