//! A server of S3 in this process, on loopback, that does wrong on demand.
//!
//! It is `s3s-fs` behind hyper. What that lacks and stores need is added here, and is therefore this file's own word about S3,
//! not another program's: `If-Match` on reads, tags in lists, conditions that hold while others write, and lists of unfinished uploads.

use hyper::body::{Body, Bytes, Frame};
use hyper::header::{HeaderMap, IF_MATCH};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rediscover::store::s3::{S3Address, S3Credentials, S3Options};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What happens to a request in place of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// Nothing is done, and this is the answer.
    Status(u16),
    /// Nothing is done, and the connection ends.
    Reset,
    /// It is done, and the connection ends.
    Lost,
    /// It is done, and the answer is that the server failed.
    Denies,
    /// The body of the answer ends here, and the connection with it.
    Cut(usize),
    /// The body of the answer stays away from here on.
    Stalls(usize),
    /// One byte of the body of the answer is another.
    Flips(usize),
}

/// What a fault looks at.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
}

impl Asked {
    /// Whether it is this request of the protocol.
    pub(crate) fn is(&self, name: &str) -> bool {
        let part = self.query.contains("partNumber=");
        let upload = self.query.contains("uploadId=");
        let uploads = self.query.split('&').any(|word| word == "uploads" || word == "uploads=");
        match name {
            "put" => self.method == Method::PUT && !part,
            "part" => self.method == Method::PUT && part,
            "begin" => self.method == Method::POST && uploads,
            "complete" => self.method == Method::POST && upload,
            "abort" => self.method == Method::DELETE && upload,
            "get" => self.method == Method::GET && !upload && !self.query.contains("list-type") && !uploads,
            "head" => self.method == Method::HEAD,
            "list" => self.method == Method::GET && self.query.contains("list-type"),
            "uploads" => self.method == Method::GET && uploads,
            "delete" => self.method == Method::DELETE && !upload,
            "any" => true,
            _ => panic!("no request of the protocol: {name}"),
        }
    }
}

struct Fault {
    request: &'static str,
    holding: String,
    skip: usize,
    times: usize,
    how: How,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    asked: Vec<Asked>,
    /// Uploads begun and neither whole nor aborted: bucket and key by id.
    uploads: BTreeMap<String, String>,
    /// Tags of objects by path, for lists.
    tags: BTreeMap<String, String>,
}

/// A bucket of its own server; gone when dropped.
pub(crate) struct Bucket {
    endpoint: String,
    folder: tempfile::TempDir,
    state: Arc<Mutex<State>>,
    runtime: Option<Runtime>,
}

pub(crate) const KEY_ID: &str = "AKIAEXAMPLE";
pub(crate) const SECRET: &str = "not-much-of-a-secret";

impl Bucket {
    /// An empty bucket called `backups`.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        std::fs::create_dir(folder.path().join("backups")).expect("a bucket");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).expect("a file system"));
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        runtime.spawn(serve(listener, builder.build(), Arc::clone(&state)));
        Self { endpoint, folder, state, runtime: Some(runtime) }
    }

    pub(crate) fn address(prefix: &str) -> S3Address {
        S3Address { bucket: "backups".to_owned(), prefix: prefix.to_owned() }
    }

    /// Options that reach it, impatient enough for tests.
    pub(crate) fn options(&self) -> S3Options {
        S3Options {
            endpoint: Some(self.endpoint.clone()),
            path_style: true,
            credentials: Some(S3Credentials { key_id: KEY_ID.to_owned(), secret: SECRET.to_owned(), token: None }),
            part_bytes: 5 << 20,
            backoff: Duration::from_millis(10),
            ..S3Options::default()
        }
    }

    /// From now on, after `skip` of them, so many requests of this name end so.
    pub(crate) fn fault(&self, request: &'static str, skip: usize, times: usize, how: How) {
        self.fault_on(request, "", skip, times, how);
    }

    /// The same, only where the query holds this.
    pub(crate) fn fault_on(&self, request: &'static str, holding: &str, skip: usize, times: usize, how: How) {
        let holding = holding.to_owned();
        self.state.lock().expect("state").faults.push(Fault { request, holding, skip, times, how });
    }

    /// What was asked since the last look, which is forgotten with what faults are left.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut state = self.state.lock().expect("state");
        state.faults.clear();
        std::mem::take(&mut state.asked)
    }

    /// Uploads that are neither whole nor aborted.
    pub(crate) fn unfinished(&self) -> usize {
        self.state.lock().expect("state").uploads.len()
    }

    /// Whether such a request came since the last look.
    pub(crate) fn seen(&self, name: &str) -> bool {
        self.state.lock().expect("state").asked.iter().any(|asked| asked.is(name))
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The names of all objects, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let all = crate::backup::files(&self.folder.path().join("backups"));
        all.into_iter().filter(|file| !file.contains(".bucket-") && !file.contains(".upload")).collect()
    }

    /// The file behind an object.
    pub(crate) fn file(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join("backups").join(key)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service, state: Arc<Mutex<State>>) {
    let gate = Arc::new(tokio::sync::RwLock::new(()));
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let (service, state, gate) = (service.clone(), Arc::clone(&state), Arc::clone(&gate));
        let answer = move |request| answer(request, service.clone(), Arc::clone(&state), Arc::clone(&gate));
        let serving = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(socket), hyper::service::service_fn(answer));
        tokio::spawn(async move {
            let _ = serving.await;
        });
    }
}

/// No answer: hyper ends the connection.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Gone {}

async fn answer(
    request: Request<hyper::body::Incoming>,
    service: S3Service,
    state: Arc<Mutex<State>>,
    gate: Arc<tokio::sync::RwLock<()>>,
) -> Result<Response<Pieces>, Gone> {
    let asked = Asked {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
    };
    let if_match = request.headers().get(IF_MATCH).cloned();
    let how = take_fault(&mut state.lock().expect("state"), &asked);
    match how {
        Some(How::Reset) => return Err(Gone),
        Some(How::Status(status)) => return Ok(refusal(status, "")),
        _ => {}
    }
    if asked.is("uploads") {
        return Ok(uploads(&state.lock().expect("state").uploads, &asked));
    }
    // Readers take the file and its facts together; whoever writes under a condition looks and writes together.
    let writes = matches!(asked.method, Method::PUT | Method::POST | Method::DELETE) && !asked.is("part");
    let (_write, _read) = if writes { (Some(gate.write().await), None) } else { (None, Some(gate.read().await)) };
    let done = service.call(request.map(s3s::Body::from)).await.map_err(|_| Gone)?;
    let (mut parts, body) = done.into_parts();
    // s3s-fs stumbles over a folder where an object is meant.
    if (asked.is("head") || asked.is("get")) && parts.status == StatusCode::INTERNAL_SERVER_ERROR {
        return Ok(refusal(404, "NoSuchKey"));
    }
    if asked.is("delete") && parts.status == StatusCode::INTERNAL_SERVER_ERROR {
        parts.status = StatusCode::NO_CONTENT;
        parts.headers.clear();
        return Ok(Response::from_parts(parts, Pieces(VecDeque::new())));
    }
    if asked.is("get")
        && if_match.is_some_and(|wanted| parts.status.is_success() && parts.headers.get("etag") != Some(&wanted))
    {
        return Ok(refusal(412, "PreconditionFailed"));
    }
    let mut bytes = collected(body).await.ok_or(Gone)?;
    if parts.status.is_success() {
        let mut state = state.lock().expect("state");
        remember(&mut state, &asked, parts.headers.get("etag"), &bytes);
        if asked.is("list") {
            bytes = with_tags(&state.tags, &asked, &bytes);
        }
    }
    let steps = match how {
        Some(How::Lost) => return Err(Gone),
        Some(How::Denies) => return Ok(refusal(500, "InternalError")),
        Some(How::Cut(at)) if at < bytes.len() => vec![Step::Bytes(bytes.slice(..at)), Step::Breaks],
        Some(How::Stalls(at)) if at < bytes.len() => vec![Step::Bytes(bytes.slice(..at)), Step::Waits],
        Some(How::Flips(at)) => {
            let mut changed = bytes.to_vec();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1;
            }
            vec![Step::Bytes(changed.into())]
        }
        _ => vec![Step::Bytes(bytes)],
    };
    if let Some(Step::Bytes(all)) = steps.first().filter(|_| steps.len() == 1 && asked.method != Method::HEAD) {
        parts.headers.insert("content-length", all.len().into());
        parts.headers.remove("transfer-encoding");
    }
    let steps = if asked.method == Method::HEAD { Vec::new() } else { steps };
    Ok(Response::from_parts(parts, Pieces(steps.into())))
}

fn take_fault(state: &mut State, asked: &Asked) -> Option<How> {
    state.asked.push(asked.clone());
    let fits = |fault: &&mut Fault| asked.is(fault.request) && asked.query.contains(&fault.holding) && fault.times > 0;
    let fault = state.faults.iter_mut().find(fits)?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    fault.times -= 1;
    Some(fault.how)
}

fn refusal(status: u16, code: &str) -> Response<Pieces> {
    let code = match (code, status) {
        ("", 403) => "AccessDenied",
        ("", 503) => "SlowDown",
        ("", _) => "InternalError",
        (code, _) => code,
    };
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on demand</Message></Error>");
    xml(status, text)
}

fn xml(status: u16, text: String) -> Response<Pieces> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", hyper::header::HeaderValue::from_static("application/xml"));
    headers.insert("content-length", text.len().into());
    let mut response = Response::new(Pieces(VecDeque::from([Step::Bytes(text.into())])));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    *response.headers_mut() = headers;
    response
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split_once(from)?.1.split_once(to).map(|(found, _)| found)
}

fn word<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// Keeps count of uploads and of tags.
fn remember(state: &mut State, asked: &Asked, tag: Option<&hyper::header::HeaderValue>, bytes: &Bytes) {
    let text = String::from_utf8_lossy(bytes);
    if asked.is("begin") {
        let id = between(&text, "<UploadId>", "</UploadId>").expect("an upload has an id");
        state.uploads.insert(id.to_owned(), asked.path.clone());
    } else if asked.is("abort") || (asked.is("complete") && text.contains("CompleteMultipartUploadResult")) {
        state.uploads.remove(word(&asked.query, "uploadId").unwrap_or_default());
    }
    let found = if asked.is("put") {
        tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned)
    } else if asked.is("complete") {
        between(&text, "<ETag>", "</ETag>").map(|tag| tag.replace("&quot;", "\""))
    } else {
        None
    };
    if let Some(found) = found {
        state.tags.insert(asked.path.clone(), found);
    }
}

/// A list with the tags of its objects.
fn with_tags(tags: &BTreeMap<String, String>, asked: &Asked, bytes: &Bytes) -> Bytes {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for (path, tag) in tags {
        let Some(key) = path.trim_start_matches('/').strip_prefix(asked.path.trim_matches('/')) else { continue };
        let key = format!("<Key>{}</Key>", key.trim_start_matches('/'));
        text = text.replace(&key, &format!("{key}<ETag>{tag}</ETag>"));
    }
    text.into()
}

/// The list of uploads, all begun at the same time in 2020.
fn uploads(uploads: &BTreeMap<String, String>, asked: &Asked) -> Response<Pieces> {
    let bucket = asked.path.trim_matches('/');
    let prefix = word(&asked.query, "prefix").unwrap_or_default().replace("%2F", "/");
    let mut text = format!("<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>{bucket}</Bucket>");
    for (id, path) in uploads {
        let key = path.trim_start_matches('/').strip_prefix(bucket).and_then(|key| key.strip_prefix('/'));
        let Some(key) = key.filter(|key| key.starts_with(&prefix)) else { continue };
        text += &format!(
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>"
        );
    }
    xml(200, text + "<IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
}

/// All bytes of a body.
async fn collected(body: s3s::Body) -> Option<Bytes> {
    let mut body = Box::pin(body);
    let mut all = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            all.extend_from_slice(&data);
        }
    }
    Some(all.into())
}

enum Step {
    Bytes(Bytes),
    Waits,
    Breaks,
}

/// A body in steps.
struct Pieces(VecDeque<Step>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Bytes(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            // Nobody wakes it.
            Some(Step::Waits) => Poll::Pending,
            Some(Step::Breaks) => Poll::Ready(Some(Err(Gone))),
        }
    }
}
