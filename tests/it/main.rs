//! Integration tests.

mod cli;
mod live;
mod loads;
mod render;
mod support;
