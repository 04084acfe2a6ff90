//! The client of the SDK, made from the settings. The standard AWS variables and files are read here, by `aws-config`.

use super::failure::{Way, on_the_way};
use super::{S3Checksum, S3Options};
use crate::base::{Error, ErrorKind, Result};
use aws_config::{AppName, BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::time::Duration;

/// The longest wait between two tries.
const MOST_BACKOFF: Duration = Duration::from_secs(20);
/// Where nothing says a region: what servers other than AWS take, and AWS answers with the right one.
const ANY_REGION: &str = "us-east-1";
/// Most bytes of a file of certificates.
const MOST_CA_BYTES: u64 = 16 << 20;
/// A part may be as slow as this.
const SLOWEST_BYTES_A_SECOND: u64 = 64 << 10;

/// The client for these settings.
pub(super) async fn client(options: &S3Options) -> Result<Client> {
    let http = http(options.ca_bundle.as_deref())?;
    let wrong_agent = || {
        Error::new(ErrorKind::Store {
            op: "use the settings",
            what: "the user agent has other characters than letters, digits, `-`, `.`, `_`".to_owned(),
        })
    };
    let agent = AppName::new(options.user_agent.clone()).map_err(|_| wrong_agent())?;
    let backoff = options.backoff.min(MOST_BACKOFF);
    let retries = RetryConfig::standard()
        .with_max_attempts(options.attempts)
        .with_initial_backoff(backoff)
        .with_max_backoff(MOST_BACKOFF);
    let stalls = StalledStreamProtectionConfig::enabled().grace_period(options.stall_timeout).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .app_name(agent)
        .retry_config(retries)
        .timeout_config(timeouts(options, 0))
        .stalled_stream_protection(stalls);
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    } else if options.endpoint.is_some() && options.credentials.is_some() {
        // Nothing is left to be asked of the machine.
        loader = loader.region(Region::new(ANY_REGION));
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(own) = &options.credentials {
        let token = own.token.clone();
        loader = loader.credentials_provider(Credentials::new(&*own.key_id, &*own.secret, token, None, "rediscover"));
    }
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let shared = loader.load().await;
    let mut config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(options.path_style);
    config = config.retry_classifier(HungUp);
    if shared.region().is_none() {
        config = config.region(Region::new(ANY_REGION));
    }
    // The endpoint of the settings stands above a variable for this service.
    if let Some(endpoint) = &options.endpoint {
        config = config.endpoint_url(endpoint);
    }
    config = match options.checksum {
        S3Checksum::Auto => config,
        S3Checksum::WhenRequired => config
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired),
        S3Checksum::Crc32 | S3Checksum::Crc64Nvme | S3Checksum::Sha256 => config
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            .response_checksum_validation(ResponseChecksumValidation::WhenSupported),
    };
    Ok(Client::from_conf(config.build()))
}

/// The client's own rules try again after timeouts and some failures of a connection; one that ends in the middle of a request
/// is none of them.
#[derive(Debug)]
struct HungUp;

impl ClassifyRetry for HungUp {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(std::result::Result::err);
        match error.and_then(|error| error.as_connector_error()) {
            Some(error) if on_the_way(error) == Way::Cut => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "a connection that ended"
    }
}

/// The timeouts of a request that sends so many bytes.
pub(super) fn timeouts(options: &S3Options, bytes: u64) -> TimeoutConfig {
    let sending = Duration::from_secs(bytes / SLOWEST_BYTES_A_SECOND);
    let attempt = options.answer_timeout.saturating_add(sending);
    TimeoutConfig::builder().connect_timeout(options.connect_timeout).operation_attempt_timeout(attempt).build()
}

/// HTTP, with TLS by rustls over ring. An address of `http` is the only one without TLS.
fn http(ca_bundle: Option<&Path>) -> Result<SharedHttpClient> {
    let trust = match ca_bundle {
        Some(file) => TrustStore::empty().with_pem_certificate(certificates(file)?),
        // A machine without any certificate is served as well, as long as nothing asks for TLS.
        None => TrustStore::empty().with_native_roots(!rustls_native_certs::load_native_certs().certs.is_empty()),
    };
    let failed = |_| Error::new(ErrorKind::Crypto { what: "TLS cannot be set up".to_owned() });
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(failed)?;
    let builder = aws_smithy_http_client::Builder::new();
    Ok(builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https())
}

/// A file of certificates, each of them looked at: the client takes them for good.
fn certificates(file: &Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let failed = |error| Error::io("read the certificates", error).about(file.display().to_string());
    let mut pem = Vec::new();
    std::fs::File::open(file).and_then(|open| open.take(MOST_CA_BYTES).read_to_end(&mut pem)).map_err(failed)?;
    let mut roots = rustls::RootCertStore::empty();
    let mut fine = true;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        fine &= certificate.is_ok_and(|certificate| roots.add(certificate).is_ok());
    }
    if !fine || roots.is_empty() {
        let what = "it holds no certificates in PEM, or damaged ones".to_owned();
        return Err(Error::new(ErrorKind::Crypto { what }).about(file.display().to_string()));
    }
    Ok(pem)
}
