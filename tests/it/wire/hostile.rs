//! Peers that answer whatever they like: an error in bounded memory.

use super::{place, read, said};
use rediscover::source::{ServerPlace, capture, cluster};
use rediscover::wire::{Address, ConnectOptions, Connection, Endpoint, Host};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Takes one connection after the other; sends all of the script, whatever it is told, then closes.
fn peer(script: Vec<u8>) -> u16 {
    mock(move |socket| drop(socket.write_all(&script)))
}

/// Lets `act` answer each connection, after the first bytes of a request.
fn mock(act: impl Fn(&mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // It ends with the test's process.
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let _ = socket.read(&mut [0; 4096]);
            act(&mut socket);
            // A close with unread bytes would be a reset, and take what was sent away.
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
        }
    });
    port
}

fn options() -> ConnectOptions {
    ConnectOptions { silence: Duration::from_secs(5), ..ConnectOptions::default() }
}

fn connect(port: u16) -> Connection {
    let host = Host { name: "127.0.0.1".into(), port };
    Connection::open(&Endpoint::Tcp { host, tls: false }, &options()).expect("a connection")
}

fn answer(script: &[u8]) -> String {
    let mut connection = connect(peer(script.to_vec()));
    match connection.command(&[b"PING"]) {
        Ok(reply) => format!("{reply:?}"),
        Err(error) => {
            assert!(connection.command(&[b"PING"]).is_err(), "what is out of step stays so");
            error.to_string()
        }
    }
}

#[test]
fn replies_that_lie() {
    for (script, expected) in [
        (&b"$99999999999999999999\r\n"[..], "length that is no number"),
        (b"$9999999999\r\nabc", "more than 64 MiB"),
        (b"$60000000\r\nabc", "closed the connection"),
        (b"$-2\r\n", "below zero"),
        (b"$3\r\nabcdef\r\n", "length that was too small"),
        (b"*2147483647\r\n:1\r\n", "closed the connection"),
        (b":twelve\r\n", "no number"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as Redis does"),
        (b"\x15\x03\x01\x00\x02\x02\x50\n", "does not answer as Redis does"),
        (b"\r\n", "empty line"),
        (b"", "closed the connection"),
        (b"%1\r\n+a\r\n+b\r\n", "does not answer as Redis does"),
    ] {
        let answer = answer(script);
        assert!(answer.contains(expected), "{}: {answer}", script.escape_ascii());
    }
    assert!(answer(&b"*1\r\n".repeat(1000)).contains("arrays in arrays"));
    assert!(answer(&[b"+", "x".repeat(1 << 20).as_bytes()].concat()).contains("a line that does not end"));
}

#[test]
fn an_endless_array_is_not_held() {
    let port = mock(|socket| {
        let _ = socket.write_all(b"*9223372036854775807\r\n");
        let many = b"$0\r\n\r\n".repeat(10_000);
        while socket.write_all(&many).is_ok() {}
    });
    let error = connect(port).command(&[b"PING"]).expect_err("too much");
    assert!(error.to_string().contains("more than 64 MiB"), "{error}");
}

#[test]
fn any_bytes_at_all() {
    let alphabet = b"$*+-:\r\n0123459EOF: \xffNOPERM";
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits")
    };
    for _ in 0..300 {
        let script: Vec<u8> = (0..next() % 60).map(|_| alphabet[next() % alphabet.len()]).collect();
        let port = peer(script);
        let _ = connect(port).command(&[b"PING"]);
        if let Ok(captured) =
            capture(&ServerPlace { options: options(), ..place(&format!("redis://127.0.0.1:{port}")) })
        {
            assert!(read(captured).is_err(), "nothing here is a snapshot");
        }
    }
}

/// Answers INFO and REPLCONF as a server does, and SYNC with the script.
fn snapshot(script: &'static [u8]) -> String {
    let port = mock(move |socket| {
        let _ = socket.write_all(b"$22\r\nredis_version:8.6.0\r\n\r\n+OK\r\n+OK\r\n");
        let _ = socket.write_all(script);
    });
    match capture(&place(&format!("redis://127.0.0.1:{port}"))) {
        Err(error) => error.to_string(),
        Ok(captured) => match read(captured) {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(error) => error.to_string(),
        },
    }
}

#[test]
fn snapshots_that_lie() {
    for (script, expected) in [
        (&b"\n\n\n$5\r\nREDIS"[..], "5 bytes"),
        (b"$6\r\nREDIS", "closed the connection after 5 of 6 bytes"),
        (b"$18446744073709551615\r\nREDIS", "no number"),
        (b"$9223372036854775807\r\nREDIS", "after 5 of"),
        (b"$-1\r\n", "no length"),
        (b"$EOF:short\r\nREDIS", "not 40 bytes"),
        (b"$EOF:0123456789abcdef0123456789abcdef01234567\r\nREDIS0011\xff", "truncated"),
        (b"$EOF:0123456789abcdef0123456789abcdef01234567\r\njunk0123456789abcdef0123456789abcdef01234567", "4 bytes"),
        (b"+FULLRESYNC x 1\r\n", "gives no snapshot"),
        (b"-ERR \x1b[2J\r\n", "\\x1b[2J"),
        (b"", "closed the connection"),
    ] {
        let told = snapshot(script);
        assert!(told.contains(expected), "{}: {told}", script.escape_ascii());
    }
}

#[test]
fn info_and_nodes_that_lie() {
    let port = peer(b"$20\r\nrole:\x1b[31mslave\r\n\xff\xff\r\n-NOPERM \x1b\r\n".to_vec());
    let told = said(capture(&place(&format!("redis://127.0.0.1:{port}"))));
    assert!(!told.contains('\x1b'), "{told}");
    for script in [&b"$3\r\nabc\r\n"[..], b"+OK\r\n", b"*0\r\n", b"$0\r\n\r\n"] {
        let told = said(cluster(&place(&format!("redis+cluster://127.0.0.1:{}", peer(script.to_vec())))));
        assert!(told.contains("CLUSTER NODES") || told.contains("no node"), "{told}");
    }
    let sentinel = |script: &[u8]| {
        let url = format!("redis+sentinel://127.0.0.1:{}/m", peer(script.to_vec()));
        assert!(Address::parse(&url, "SOURCE").is_ok());
        said(capture(&place(&url)))
    };
    assert!(sentinel(b"*2\r\n$1\r\nh\r\n$1\r\n0\r\n").contains("address of a master that is none"));
    assert!(sentinel(b"*-1\r\n").contains("does not watch"));
    assert!(sentinel(b"*1\r\n$1\r\nh\r\n").contains("address of a master that is none"));
}
