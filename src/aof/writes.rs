//! stub
use super::framer::Start;
use crate::keyspace::command::Spec;
use crate::keyspace::{Arg, Command};
use crate::rdb::Sink;
#[derive(Default)]
pub(super) struct Writes;
impl Writes {
    pub(super) fn whole<S: Sink>(&mut self, _: &'static Spec, _: &Command<'_>, _: &mut S) {}
    pub(super) fn begin(&mut self, _: &'static Spec, _: &Start) {}
    pub(super) fn arg<S: Sink>(&mut self, _: u64, _: Arg<'_>, _: &mut S) {}
    pub(super) fn piece<S: Sink>(&mut self, _: u64, _: u64, _: u64, _: &[u8], _: &mut S) {}
    pub(super) fn end<S: Sink>(&mut self, _: u64, _: &mut S) {}
    pub(super) fn abandon<S: Sink>(&mut self, _: &mut S) {}
}
