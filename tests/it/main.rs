//! Integration tests.

mod cli;
mod live;
mod render;
mod support;
