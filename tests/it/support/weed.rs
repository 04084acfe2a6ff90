//! A real server of S3: `SeaweedFS`.

use super::bucket::{KEY_ID, SECRET};
use super::servers;
use rediscover::store::s3::{S3Credentials, S3Options};
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY: Duration = Duration::from_mins(2);

/// A running server; ended when dropped.
pub(crate) struct Weed {
    child: Child,
    pub(crate) endpoint: String,
    folder: tempfile::TempDir,
}

impl Weed {
    /// A server with the empty buckets `backups` and `locked`; none, and a word about it, where there is no such program.
    pub(crate) fn start() -> Option<Self> {
        let program = servers::weed()?;
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::create_dir(folder.path().join("data")).expect("a folder");
        let users = format!(
            r#"{{"identities":[{{"name":"t","credentials":[{{"accessKey":"{KEY_ID}","secretKey":"{SECRET}"}}],"actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
        );
        let file = folder.path().join("s3.json");
        fs::write(&file, users).expect("the users");
        let ports = free_ports(8);
        let names = [
            "s3.port",
            "master.port",
            "volume.port",
            "filer.port",
            "s3.port.grpc",
            "master.port.grpc",
            "volume.port.grpc",
            "filer.port.grpc",
        ];
        let log = fs::File::create(folder.path().join("log")).expect("a log file");
        let child = Command::new(program)
            .args([
                "server",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-s3",
                "-master.volumeSizeLimitMB=64",
                "-volume.max=500",
            ])
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"])
            .arg(format!("-dir={}", folder.path().join("data").display()))
            .arg(format!("-s3.config={}", file.display()))
            .args(names.iter().zip(&ports).map(|(name, port)| format!("-{name}={port}")))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn()
            .expect("the server program runs");
        let mut weed = Self { child, endpoint: format!("http://127.0.0.1:{}", ports[0]), folder };
        let since = Instant::now();
        while !weed.has_bucket() {
            let ended = weed.child.try_wait().expect("the server's state").is_some();
            assert!(!ended && since.elapsed() < READY, "no bucket: {}", weed.log());
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(weed)
    }

    /// Makes the buckets, `locked` with object lock: ready is who has done so, not who listens.
    fn has_bucket(&self) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .region(aws_sdk_s3::config::Region::new("us-east-1"))
            .credentials_provider(aws_sdk_s3::config::Credentials::new(KEY_ID, SECRET, None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let client = aws_sdk_s3::Client::from_conf(config);
        let made = runtime.block_on(client.create_bucket().bucket("backups").send()).is_ok();
        let locked = client.create_bucket().bucket("locked").object_lock_enabled_for_bucket(true);
        made && runtime.block_on(locked.send()).is_ok()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn options(&self) -> S3Options {
        S3Options {
            endpoint: Some(self.endpoint.clone()),
            path_style: true,
            credentials: Some(S3Credentials { key_id: KEY_ID.to_owned(), secret: SECRET.to_owned(), token: None }),
            part_bytes: 5 << 20,
            backoff: Duration::from_millis(50),
            ..S3Options::default()
        }
    }
}

/// Ports that nobody listens on: held together, so that they differ, and all let go.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    held.iter().map(|port| port.local_addr().expect("an address").port()).collect()
}

impl Drop for Weed {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
