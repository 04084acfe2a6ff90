//! The packed structures inside values: listpack, ziplist, zipmap, intset, stream node, LZF, HyperLogLog; and the CRC.
//! Functions over bytes: no I/O, no state beyond the call.
