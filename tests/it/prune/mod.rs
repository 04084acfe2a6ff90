//! Prune: what is planned is done and nothing else, and it may stop at any moment.

mod faults;
mod plans;
mod stock;
