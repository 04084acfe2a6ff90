//! Integration tests.

mod cli;
mod readme;
mod render;
