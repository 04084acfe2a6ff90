//! Passwords, ACL users, TLS.

use super::{Server, all_servers, bytes, free_port, place, said, same};
use crate::support::servers::ServerSpec;
use redis::cmd;
use rediscover::source::{ServerPlace, capture};
use rediscover::wire::{ConnectOptions, Secret, TlsOptions};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn with(server: &Server, user: Option<&str>, password: Option<&str>) -> ServerPlace {
    let options = ConnectOptions {
        user: user.map(str::to_owned),
        password: password.map(Secret::new),
        ..ConnectOptions::default()
    };
    ServerPlace { options, ..place(&server.url()) }
}

#[test]
fn a_password_is_asked_for_and_never_told() {
    for spec in all_servers() {
        // Of the default user alone: the test's own connection is on the socket, and knows no password.
        let server = Server::on_port(&spec, &[]);
        server.fill(100);
        let keys = server.keyspace();
        server.set("requirepass", "right-pw");
        let none = said(capture(&with(&server, None, None)));
        assert!(none.contains("NOAUTH") && none.contains("--password-file"), "{none}");
        let wrong = said(capture(&with(&server, None, Some("wrong-pw"))));
        assert!(wrong.contains("WRONGPASS") && !wrong.contains("wrong-pw"), "{wrong}");
        let dump = bytes(&with(&server, None, Some("right-pw")));
        crate::support::keyspace::assert_equal(spec.name, &crate::support::keyspace::read(&dump).values_only(), &keys);
    }
}

#[test]
fn a_password_that_nobody_wants_is_noted() {
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let server = Server::on_port(&spec, &[]);
    let captured = capture(&with(&server, None, Some("pw"))).expect("a capture");
    assert!(captured.notes.iter().any(|note| note.contains("asks for no password")), "{:?}", captured.notes);
    let unknown = said(capture(&with(&server, Some("nobody"), Some("pw"))));
    assert!(unknown.contains("WRONGPASS"), "{unknown}");
}

#[test]
fn a_user_with_the_least_rights() {
    for spec in all_servers() {
        let server = Server::on_port(&spec, &[]);
        server.fill(300);
        let allow = |rights: &[&str]| {
            let mut rule = cmd("ACL");
            rule.arg("SETUSER").arg("bk").arg(&["reset", "on", ">pw"]).arg(rights);
            rule.exec(&mut server.running.connection()).expect("a user");
        };
        let user = with(&server, Some("bk"), Some("pw"));
        allow(&["+info", "+sync", "+replconf"]);
        same(spec.name, &bytes(&user), &server);
        // In the address.
        let url = server.url().replace("redis://", "redis://bk@");
        let in_url = ServerPlace { options: with(&server, None, Some("pw")).options, ..place(&url) };
        same(spec.name, &bytes(&in_url), &server);
        for missing in ["+sync", "+replconf"] {
            let rights: Vec<_> = ["+info", "+sync", "+replconf"].into_iter().filter(|each| *each != missing).collect();
            allow(&rights);
            let said = said(capture(&user));
            assert!(said.contains("NOPERM") && said.contains("+info +sync +replconf"), "{}: {said}", spec.name);
        }
        // Without INFO nothing is known, and the snapshot is the same.
        allow(&["+sync", "+replconf"]);
        let captured = capture(&user).expect("a capture");
        assert!(captured.notes.iter().any(|note| note.contains("INFO is not allowed")), "{:?}", captured.notes);
        same(spec.name, &super::read(captured).expect("whole"), &server);
    }
}

/// An authority, a certificate for 127.0.0.1, one for another name, and one of a client.
fn certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let done =
            Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl runs");
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ca", "stranger"] {
        openssl(&format!("req -x509 {new} -keyout {authority}.key -out {authority}.crt -days 2 -subj /CN={authority}"));
    }
    for (name, alternative) in [("server", "IP:127.0.0.1"), ("other", "DNS:other.test"), ("client", "DNS:client.test")]
    {
        fs::write(folder.join("extensions"), format!("subjectAltName={alternative}\n")).expect("a file");
        openssl(&format!("req {new} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {name}.crt -days 2 -extfile extensions"
        ));
    }
}

#[test]
fn tls_with_certificates_of_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name);
    let client = TlsOptions {
        ca_file: Some(file("ca.crt")),
        cert_file: Some(file("client.crt")),
        key_file: Some(file("client.key")),
        insecure: false,
    };
    for spec in all_servers() {
        let tls_port = free_port();
        let port = tls_port.to_string();
        let path = |name: &str| file(name).display().to_string();
        let server = Server::on_port(
            &spec,
            &[
                &["--tls-port", &port, "--tls-auth-clients", "yes"],
                &["--tls-cert-file", &path("server.crt"), "--tls-key-file", &path("server.key")],
                &["--tls-ca-cert-file", &path("ca.crt")][..],
            ]
            .concat(),
        );
        server.fill(1000);
        let over = |tls: TlsOptions, url: String| {
            // One that speaks no TLS is silent.
            let options = ConnectOptions { tls, silence: Duration::from_secs(3), ..ConnectOptions::default() };
            ServerPlace { options, ..place(&url) }
        };
        let url = || format!("rediss://127.0.0.1:{tls_port}");
        same(spec.name, &bytes(&over(client.clone(), url())), &server);
        let scan = ServerPlace { via: rediscover::source::Via::Scan, ..over(client.clone(), url()) };
        same(spec.name, &bytes(&scan), &server);
        let insecure = TlsOptions { insecure: true, ca_file: None, ..client.clone() };
        same(spec.name, &bytes(&over(insecure, url())), &server);

        let bare = TlsOptions { cert_file: None, key_file: None, ..client.clone() };
        let told = said(capture(&over(bare, url())));
        assert!(told.contains("--cert") || told.contains("closed"), "{}: {told}", spec.name);
        let stranger = TlsOptions { ca_file: Some(file("stranger.crt")), ..client.clone() };
        let told = said(capture(&over(stranger, url())));
        assert!(told.contains("TLS failed") && told.contains("--cacert"), "{}: {told}", spec.name);
        let told = said(capture(&over(client.clone(), format!("rediss://localhost:{tls_port}"))));
        assert!(told.contains("subjectAltName"), "{}: {told}", spec.name);
        let told = said(capture(&over(client.clone(), server.url().replace("redis:", "rediss:"))));
        assert!(told.contains("TLS failed") && told.contains("redis://"), "{}: {told}", spec.name);
        let told = said(capture(&over(client.clone(), format!("redis://127.0.0.1:{tls_port}"))));
        assert!(told.contains("rediss://"), "{}: {told}", spec.name);
    }
}

#[test]
fn files_of_tls_that_are_no_good() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name);
    // The handshake has to be reached.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("rediss://{}", listener.local_addr().expect("an address"));
    let told = |tls: TlsOptions| {
        let options = ConnectOptions { tls, ..ConnectOptions::default() };
        said(capture(&ServerPlace { options, ..place(&url) }))
    };
    let ca = || Some(file("ca.crt"));
    let base = TlsOptions::default;
    assert!(told(TlsOptions { ca_file: Some(file("gone.crt")), ..base() }).contains("gone.crt: cannot open"));
    assert!(told(TlsOptions { ca_file: Some(file("ca.key")), ..base() }).contains("no certificate in it"));
    let half = TlsOptions { ca_file: ca(), cert_file: Some(file("client.crt")), ..base() };
    assert!(told(half).contains("--cert FILE --key FILE"));
    let swapped =
        TlsOptions { ca_file: ca(), cert_file: Some(file("client.crt")), key_file: Some(file("server.key")), ..base() };
    assert!(told(swapped).contains("does not go with"));
    let no_key =
        TlsOptions { ca_file: ca(), cert_file: Some(file("client.crt")), key_file: Some(file("ca.crt")), ..base() };
    assert!(told(no_key).contains("no private key that can be read"));
}
