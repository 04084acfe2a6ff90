//! Integration tests.

mod aof_corpus;
mod aof_facts;
mod aof_hostile;
mod aof_laws;
mod aof_live;
mod aof_repair;
mod aof_review;
mod aof_verdicts;
mod broken;
mod cli;
mod commands;
mod corpus;
mod data_dirs;
mod documented;
mod floors;
mod hostile;
mod laws;
mod live;
mod loads;
mod merge;
mod mutations;
mod plan_script;
mod readme;
mod render;
mod support;
mod timeline;
