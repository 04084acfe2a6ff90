//! Integration tests.

mod cli;
mod floors;
mod render;
