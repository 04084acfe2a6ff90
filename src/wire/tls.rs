//! TLS over a TCP connection: rustls with ring.

use super::address::Host;
use super::link::Socket;
use super::options::ConnectOptions;
use crate::base::{Error, ErrorKind, Result};
use std::net::TcpStream;

#[cfg(not(feature = "tls"))]
pub(super) fn wrap(_: TcpStream, host: &Host, _: &ConnectOptions) -> Result<Box<dyn Socket>> {
    let what = "TLS is not in this build".to_owned();
    Err(Error::new(ErrorKind::Unsupported { what })
        .about(host.to_string())
        .with_hint("build it with the feature `tls`"))
}

/// How long a server may say nothing in the handshake: one that speaks no TLS waits for more.
#[cfg(feature = "tls")]
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(10);

/// What helps, where TLS is what failed later on: a server of TLS 1.3 looks at certificates after the handshake.
#[cfg(not(feature = "tls"))]
pub(super) fn hint(_: &std::io::Error) -> Option<&'static str> {
    None
}

#[cfg(feature = "tls")]
pub(super) use with_tls::{hint, wrap};

#[cfg(feature = "tls")]
mod with_tls {
    use super::{ConnectOptions, Error, ErrorKind, Host, Result, Socket, TcpStream};
    use crate::wire::link::is_wait;
    use crate::wire::options::TlsOptions;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
    use std::io;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    /// Does the handshake, within the time that a silent server is given, and [`HANDSHAKE`](super::HANDSHAKE) at most.
    pub(in crate::wire) fn wrap(
        mut socket: TcpStream,
        host: &Host,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Socket>> {
        let name = ServerName::try_from(host.name.clone())
            .map_err(|_| crypto(format!("{host}: not a name that a certificate can have")))?;
        let config = config(&options.tls)?;
        let mut session = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| crypto(format!("{host}: TLS cannot begin: {error}")))?;
        let slice = socket.read_timeout().ok().flatten().unwrap_or(options.silence);
        let mut waited = Duration::ZERO;
        while session.is_handshaking() {
            if options.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted));
            }
            match session.complete_io(&mut socket) {
                Ok((0, 0)) => return Err(failed(host, &io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => waited = Duration::ZERO,
                Err(error) if is_wait(&error) && waited < options.silence.min(super::HANDSHAKE) => {
                    waited = waited.saturating_add(slice);
                }
                Err(error) => return Err(failed(host, &error)),
            }
        }
        Ok(Box::new(StreamOwned::new(session, socket)))
    }

    /// What rustls says, and the way out of what happens most.
    fn failed(host: &Host, error: &io::Error) -> Error {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let what = match inner {
            Some(inner) => inner.to_string(),
            None if is_wait(error) => "the server is silent".to_owned(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
            None => error.to_string(),
        };
        let hint =
            hint(error).unwrap_or("does this port speak TLS (tls-port)? without it the address begins with redis://");
        crypto(format!("TLS failed: {what}")).about(host.to_string()).with_hint(hint)
    }

    /// What helps, where TLS is what failed.
    pub(in crate::wire) fn hint(error: &io::Error) -> Option<&'static str> {
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(problem) => Some(match problem {
                rustls::CertificateError::UnknownIssuer => "--cacert FILE names the authority that signed it",
                rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. } => {
                    "use a name that stands in the certificate (subjectAltName), not another one of the host"
                }
                _ => "the server's certificate is not one to believe; renew it",
            }),
            rustls::Error::AlertReceived(_) => {
                Some("the server refused: does it want a client certificate (--cert and --key)?")
            }
            rustls::Error::InvalidMessage(_) => None,
            _ => Some("see the server's log"),
        }
    }

    fn crypto(what: String) -> Error {
        Error::new(ErrorKind::Crypto { what })
    }

    fn config(options: &TlsOptions) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| crypto(format!("TLS cannot begin: {error}")))?;
        let builder = if options.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        } else {
            builder.with_root_certificates(roots(options)?)
        };
        match (&options.cert_file, &options.key_file) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(cert), Some(key)) => {
                let chain = certificates(cert)?;
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|_| {
                    let what = format!("{}: no private key that can be read", key.display());
                    crypto(what).with_hint("a PEM file, not encrypted, that this user may read")
                })?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|error| crypto(format!("{}: does not go with {}: {error}", key.display(), cert.display())))
            }
            _ => Err(Error::new(ErrorKind::Usage {
                option: "--cert",
                what: "a client certificate needs its key, and a key its certificate".into(),
            })
            .with_hint("--cert FILE --key FILE")),
        }
    }

    fn roots(options: &TlsOptions) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &options.ca_file else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                let error = crypto("this machine has no certificates of authorities".into());
                return Err(error.with_hint("--cacert FILE names the one that signed the server's"));
            }
            return Ok(roots);
        };
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| crypto(format!("{}: {error}", file.display())))?;
        }
        Ok(roots)
    }

    fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
        let unreadable = |error: rustls::pki_types::pem::Error| match error {
            rustls::pki_types::pem::Error::Io(error) => Error::io("open", error).about(file.display().to_string()),
            _ => crypto(format!("{}: not a PEM file of certificates", file.display())),
        };
        let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect();
        let found = found.map_err(unreadable)?;
        if found.is_empty() {
            return Err(crypto(format!("{}: no certificate in it", file.display())));
        }
        Ok(found)
    }

    /// Believes any certificate, but not that somebody has its key who has not: --insecure.
    #[derive(Debug)]
    struct Anyone(Arc<CryptoProvider>);

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> std::result::Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
