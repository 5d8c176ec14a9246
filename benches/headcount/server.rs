//! A Headcount process under measurement, and the requests that are sent to it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::load::{self, Until};

const BINARY: &str = env!("CARGO_BIN_EXE_headcount");

/// A running server with `organizations` organizations and a token for each.
pub struct Server {
    child: Child,
    pub address: String,
    pub url: String,
    pub tokens: Vec<String>,
}

impl Server {
    pub fn start(url: &str, organizations: usize) -> Self {
        Self::start_with(url, organizations, &[])
    }

    /// The same with settings of the environment.
    pub fn start_with(url: &str, organizations: usize, settings: &[(&str, String)]) -> Self {
        let mut server = Self::open_with(url, settings);
        for number in 0..organizations {
            let slug = format!("o{number}");
            let owner = format!("owner@{slug}.example");
            server.command(&[
                "organization",
                "create",
                "--name",
                &slug,
                "--slug",
                &slug,
                "--owner-email",
                &owner,
                "--seats",
                "100000000",
            ]);
            let answer = server.command(&["provisioning-token", "create", "--organization", &slug, "--name", "bench"]);
            server.tokens.push(answer["token"].as_str().unwrap().to_owned());
        }
        server
    }

    /// Starts the process on a database as it is.
    pub fn open(url: &str) -> Self {
        Self::open_with(url, &[])
    }

    fn open_with(url: &str, settings: &[(&str, String)]) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(BINARY)
            .args(["serve", "--database-url", url, "--listen", &address])
            .env("HEADCOUNT_LOG_LEVEL", "error")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address, url: url.to_owned(), tokens: Vec::new() };
        wait_for(&server.address, "/readyz");
        server
    }

    /// Runs an operator's command; its one JSON document.
    pub fn command(&self, arguments: &[&str]) -> serde_json::Value {
        let output =
            Command::new(BINARY).args(arguments).args(["--json", "--database-url", &self.url]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// A request as bytes.
    pub fn request(&self, organization: usize, method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
        let body = body.unwrap_or_default();
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/scim+json\r\nContent-Length: {}\r\n", body.len())
        };
        format!(
            "{method} /scim/v2{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{length}\r\n{body}",
            self.address, self.tokens[organization]
        )
        .into_bytes()
    }

    /// One request; the JSON of its answer.
    pub fn ask(&self, organization: usize, method: &str, path: &str, body: Option<&str>) -> serde_json::Value {
        let request = self.request(organization, method, path, body);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (status, answer) =
            runtime.block_on(async { load::Connection::open(&self.address).await.exchange(&request).await });
        assert!(status < 400, "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).unwrap_or_default()
    }

    /// Fills an organization with users `from..to`, by Bulk; the ids in that order.
    pub fn fill(&self, organization: usize, from: usize, to: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(to - from);
        for first in (from..to).step_by(1_000) {
            let body = bulk(first, (first + 1_000).min(to));
            let answer = self.ask(organization, "POST", "/Bulk", Some(&body));
            for operation in answer["Operations"].as_array().unwrap() {
                let location = operation["location"].as_str().unwrap_or_else(|| panic!("{operation}"));
                ids.push(location.rsplit('/').next().unwrap().to_owned());
            }
        }
        ids
    }

    /// Runs requests until the duration or the count is over.
    pub fn load(&self, connections: usize, until: Until, request: impl Fn(usize) -> Vec<u8>) -> load::Run {
        load::run(&self.address, connections, until, request)
    }

    /// Resident memory now and at its peak, in MiB.
    pub fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Makes the peak of [`Server::memory`] start again from now.
    pub fn reset_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a path answers 200.
pub fn wait_for(address: &str, path: &str) {
    for _ in 0..20_000 {
        if let Ok(mut stream) = TcpStream::connect(address) {
            let _ = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            if answer.starts_with("HTTP/1.1 200") {
                return;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("{address}{path} did not answer");
}

/// A User as identity providers send it.
pub fn user(number: usize) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"u{number:07}@acme.example","externalId":"e{number:07}","name":{{"givenName":"Ann","familyName":"Archer"}},"displayName":"Ann Archer","emails":[{{"value":"u{number:07}@acme.example","type":"work","primary":true}}],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"employeeNumber":"{number:07}","department":"Sales"}}}}"#
    )
}

/// A Bulk request that creates users.
pub fn bulk(from: usize, to: usize) -> String {
    let operations: Vec<String> = (from..to)
        .map(|number| format!(r#"{{"method":"POST","path":"/Users","bulkId":"b{number}","data":{}}}"#, user(number)))
        .collect();
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{}]}}"#,
        operations.join(",")
    )
}

/// A PATCH with one operation on a path.
pub fn patch(operation: &str, path: &str, value: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"{operation}","path":"{path}","value":{value}}}]}}"#
    )
}
