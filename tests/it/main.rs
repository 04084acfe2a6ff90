//! Integration tests.

mod aof_facts;
mod aof_repair;
mod broken;
mod cli;
mod commands;
mod corpus;
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
