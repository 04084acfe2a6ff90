//! Prune: what is planned is done and nothing else, and it may stop at any moment.

mod cli;
mod faults;
mod plans;
mod stock;
