//! Integration tests.

mod broken;
mod cli;
mod corpus;
mod data_dirs;
mod documented;
mod floors;
mod hostile;
mod laws;
mod live;
mod loads;
mod mutations;
mod readme;
mod render;
mod support;
