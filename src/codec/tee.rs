//! stub
use std::io::{self, Read, Write};
pub struct Tee;
pub struct Branch;
impl Tee {
    pub fn new(_: impl Read + Send + 'static, _: usize) -> (Tee, Branch) {
        (Tee, Branch)
    }
}
impl Read for Tee {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}
impl Read for Branch {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}
pub struct SpoolWriter;
pub struct SpoolReader;
impl SpoolWriter {
    pub fn finish(self) {}
    pub fn fail(self, _: io::Error) {}
}
impl Write for SpoolWriter {
    fn write(&mut self, b: &[u8]) -> io::Result<usize> {
        Ok(b.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
impl Read for SpoolReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}
pub fn spool(_: &std::path::Path) -> crate::base::Result<(SpoolWriter, SpoolReader)> {
    Ok((SpoolWriter, SpoolReader))
}
pub fn bounded(_: usize) -> (SpoolWriter, SpoolReader) {
    (SpoolWriter, SpoolReader)
}
