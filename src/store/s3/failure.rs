//! What a server refused, in one sentence that names the cause and the setting.
//!
//! Messages of servers are not repeated: only their codes, escaped. Nothing secret can stand in an error of a store.

use crate::base::{Error, ErrorKind};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::error::Error as StdError;

/// What is known of a request that failed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The status of the answer; none where there was no answer.
    pub(super) status: Option<u16>,
    /// The code in the answer.
    pub(super) code: Option<String>,
    /// The region that the answer names.
    pub(super) region: Option<String>,
    /// What happened on the way, for lack of an answer.
    pub(super) way: Way,
}

/// What happened on the way to the server.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It answered.
    #[default]
    Fine,
    /// No credentials were found.
    NoCredentials,
    /// They were found and could not be used.
    BadCredentials,
    /// Nothing came in time.
    Slow,
    /// No name, no listener, or a connection that ended.
    Cut,
    /// TLS could not be agreed on.
    Tls,
    /// Bytes came that are no answer.
    Garbled,
    /// The settings cannot make a request.
    Settings,
}

impl Seen {
    /// What an error of the SDK holds.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let raw = error.raw_response();
        let header = |name| raw.and_then(|raw| raw.headers().get(name)).map(str::to_owned);
        let way = match error {
            SdkError::ServiceError(_) => Way::Fine,
            SdkError::TimeoutError(_) => Way::Slow,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Way::Slow,
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => on_the_way(error),
            _ => Way::Garbled,
        };
        Self {
            status: raw.map(|raw| raw.status().as_u16()),
            code: error.code().map(str::to_owned),
            region: header("x-amz-bucket-region"),
            way,
        }
    }

    /// Whether it is a code of the protocol, or one of these statuses where the answer had no body.
    pub(super) fn is(&self, code: &str, status: u16) -> bool {
        let found = self.code.as_deref();
        found == Some(code) || (matches!(found, None | Some("NotFound")) && self.status == Some(status))
    }

    /// Whether the answer is that it may not be done.
    pub(super) fn is_denied(&self) -> bool {
        self.is("AccessDenied", 403)
    }

    /// The sentence, and what to do next.
    pub(super) fn explained(&self) -> (String, &'static str) {
        let (what, hint) = match self.way {
            Way::NoCredentials => (
                "there are no credentials",
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role",
            ),
            Way::BadCredentials => (
                "the credentials could not be loaded",
                "look at AWS_PROFILE and its files; a profile of SSO wants `aws sso login`",
            ),
            Way::Slow => ("no answer came in time", "look at the network and the endpoint, or raise the timeouts"),
            Way::Cut => {
                ("the server cannot be reached, or hung up", "look at the endpoint, the region and the network")
            }
            Way::Tls => (
                "TLS could not be agreed on",
                "look at the endpoint, the clock and the certificates (AWS_CA_BUNDLE); plain HTTP is used only where the endpoint says http",
            ),
            Way::Garbled => ("what came is no answer of S3", "look at the endpoint: is it a server of S3?"),
            Way::Settings => ("the settings make no request", "look at the endpoint, the region and the bucket"),
            Way::Fine => return self.answered(),
        };
        (what.to_owned(), hint)
    }

    fn answered(&self) -> (String, &'static str) {
        let code = self.code.as_deref().unwrap_or_default();
        let status = self.status.unwrap_or_default();
        let (what, hint) = match (code, status) {
            ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _) => {
                ("the credentials have expired", "get new ones; a profile of SSO wants `aws sso login`")
            }
            ("InvalidAccessKeyId" | "InvalidClientTokenId" | "InvalidToken" | "UnrecognizedClientException", _) => (
                "the server does not know these credentials",
                "look at AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN, AWS_PROFILE and the endpoint",
            ),
            ("SignatureDoesNotMatch", _) => {
                ("the secret key is wrong", "look at AWS_SECRET_ACCESS_KEY, and at proxies that change requests")
            }
            ("RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture", _) => {
                ("the clock of this machine and the server's differ", "set the clock, as by NTP")
            }
            ("NoSuchBucket", _) => ("there is no such bucket", "look at its name, the region and the endpoint"),
            (
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException"
                | "TemporaryRedirect"
                | "InvalidRegion",
                _,
            )
            | (_, 301 | 307 | 308) => return (self.elsewhere(), "set AWS_REGION, or the region of the profile"),
            ("InvalidObjectState", _) => (
                "the object is archived",
                "thaw it first, as by `aws s3api restore-object`, which takes minutes to hours, and come back then",
            ),
            ("NoSuchKey", _) => ("there is no such object", ""),
            ("NoSuchUpload", _) => ("the upload was aborted by somebody else", "let nobody sweep uploads so young"),
            ("SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequests", _)
            | (_, 429 | 503) => ("the server asks to slow down", "come back later, or raise the number of tries"),
            ("RequestTimeout", _) => {
                ("the server waited too long for bytes", "look at the network, or use smaller parts")
            }
            ("EntityTooLarge", _) => {
                ("the server takes no objects of this size", "use smaller parts, or another server")
            }
            ("EntityTooSmall", _) => ("the server wants larger parts", "raise the size of parts"),
            ("BadDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" | "InvalidDigest", _) => {
                ("the bytes changed on the way to the server", "look at the network and at proxies; nothing was kept")
            }
            ("QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage", _) | (_, 507) => {
                ("the server has no room", "make room, or raise its quota")
            }
            ("NotImplemented" | "MethodNotAllowed", _) | (_, 405 | 501) => (
                "the server does not know this request or a setting of it",
                "look at the settings of checksums (when-required), locks, tags and encryption",
            ),
            (
                "InvalidRequest" | "InvalidArgument" | "InvalidStorageClass" | "ObjectLockConfigurationNotFoundError",
                _,
            ) => {
                return (
                    format!("the server refuses a setting ({})", shown(code)),
                    "look at the settings of checksums, locks, tags, storage class and encryption",
                );
            }
            (code, _) if code.starts_with("KMS") => {
                ("the server cannot use the key of KMS", "look at the id of the key and at who may use it")
            }
            ("AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden", _) | (_, 401 | 403) => {
                ("the credentials do not allow it", "look at the policies of the user, the bucket and the key of KMS")
            }
            ("", 404) => ("it is not there", "look at the bucket and the name"),
            ("", _) => return (format!("the server answers {status}"), ""),
            (_, 500..) => return (format!("the server failed ({}, {status})", shown(code)), "come back later"),
            _ => return (format!("the server answers {} ({status})", shown(code)), ""),
        };
        (what.to_owned(), hint)
    }

    fn elsewhere(&self) -> String {
        self.region.as_deref().map_or_else(
            || "the bucket is in another region".to_owned(),
            |region| format!("the bucket is in another region: {}", shown(region)),
        )
    }

    /// The error of an operation on a place.
    pub(super) fn into_error(self, op: &'static str, place: String) -> Error {
        let (what, hint) = self.explained();
        let error = Error::new(ErrorKind::Store { op, what }).about(place);
        if hint.is_empty() { error } else { error.with_hint(hint) }
    }
}

/// A word of the server, harmless and short.
fn shown(word: &str) -> String {
    word.escape_default().take(60).collect()
}

/// What the chain of causes says. Its texts are looked at, not repeated.
pub(super) fn on_the_way(error: &(dyn StdError + 'static)) -> Way {
    let mut cause = Some(error);
    let mut way = Way::Settings;
    let mut depth = 0;
    while let Some(at) = cause.filter(|_| depth < 16) {
        let text = at.to_string().to_ascii_lowercase();
        if text.contains("no providers in chain") || text.contains("credential provider was not enabled") {
            return Way::NoCredentials;
        }
        if text.contains("credential") || text.contains("identity") {
            way = Way::BadCredentials;
        } else if text.contains("certificate") || text.contains("tls") || text.contains("handshake") {
            return Way::Tls;
        } else if way == Way::Settings
            && (text.contains("connect") || text.contains("io error") || at.is::<std::io::Error>())
        {
            way = Way::Cut;
        } else if text.contains("timed out") || text.contains("timeout") || text.contains("throughput") {
            way = Way::Slow;
        }
        depth += 1;
        cause = at.source();
    }
    let ended = |text: &str| ["dispatch", "connection", "closed", "hyper"].iter().any(|word| text.contains(word));
    if way == Way::Settings && matches!(depth, 0..16) && ended(&error.to_string()) { Way::Cut } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(code: &str, status: u16) -> Seen {
        let code = (!code.is_empty()).then(|| code.to_owned());
        Seen { status: Some(status), code, ..Seen::default() }
    }

    #[test]
    fn each_cause_has_its_sentence_and_its_setting() {
        for (code, status, what, hint) in [
            ("ExpiredToken", 400, "have expired", "sso login"),
            ("InvalidAccessKeyId", 403, "does not know these credentials", "AWS_ACCESS_KEY_ID"),
            ("SignatureDoesNotMatch", 403, "secret key is wrong", "AWS_SECRET_ACCESS_KEY"),
            ("RequestTimeTooSkewed", 403, "clock", "NTP"),
            ("NoSuchBucket", 404, "no such bucket", "endpoint"),
            ("PermanentRedirect", 301, "another region", "AWS_REGION"),
            ("", 301, "another region", "AWS_REGION"),
            ("InvalidObjectState", 403, "archived", "restore-object"),
            ("AccessDenied", 403, "do not allow", "policies"),
            ("", 403, "do not allow", "policies"),
            ("SlowDown", 503, "slow down", "later"),
            ("InternalError", 500, "failed (InternalError, 500)", "later"),
            ("NotImplemented", 501, "does not know this request", "when-required"),
            ("KMS.DisabledException", 400, "KMS", "key"),
            ("InvalidArgument", 400, "InvalidArgument", "settings"),
        ] {
            let (found, next) = seen(code, status).explained();
            assert!(found.contains(what) && next.contains(hint), "{code} {status}: {found}; {next}");
        }
        let ways =
            [Way::NoCredentials, Way::BadCredentials, Way::Slow, Way::Cut, Way::Tls, Way::Garbled, Way::Settings];
        for way in ways {
            let (found, next) = Seen { way, ..Seen::default() }.explained();
            assert!(!found.is_empty() && !next.is_empty(), "{way:?}");
        }
    }

    #[test]
    fn words_of_the_server_are_escaped_and_short() {
        let region = Some("eu-\u{1b}[31mcentral".to_owned());
        let (found, _) = Seen { region, ..seen("PermanentRedirect", 301) }.explained();
        assert_eq!(found, "the bucket is in another region: eu-\\u{1b}[31mcentral");
        let (found, _) = seen(&"x\n".repeat(500), 418).explained();
        assert!(found.len() < 100 && !found.contains('\n'), "{found}");
    }

    #[test]
    fn a_missing_body_is_told_from_another_code() {
        assert!(seen("", 404).is("NoSuchKey", 404) && seen("NotFound", 404).is("NoSuchKey", 404));
        assert!(!seen("NoSuchBucket", 404).is("NoSuchKey", 404));
        assert!(seen("AccessDenied", 403).is_denied() && !seen("SignatureDoesNotMatch", 403).is_denied());
    }
}
