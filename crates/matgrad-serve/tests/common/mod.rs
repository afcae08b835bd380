//! A server, and a client that asks it.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

/// The server of this test.
pub fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let server = matgrad_serve::bind(0).expect("a free port");
        let address = server.address();
        std::thread::spawn(move || server.run());
        address
    })
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.head))
    }

    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a request with these lines as its head.
pub fn send(first: &str, headers: &[&str], body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
    let head = format!("{first} HTTP/1.1\r\n{}\r\nconnection: close\r\n\r\n", headers.join("\r\n"));
    stream.write_all(head.as_bytes()).expect("a request");
    // a server that has heard enough may hang up before the end
    let _ = stream.write_all(body);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Reply { status, head, body: all[end + 4..].to_vec() }
}

/// Asks a question.
pub fn ask(name: &str, question: &Value) -> Reply {
    let body = question.to_string();
    let length = format!("content-length: {}", body.len());
    let host = format!("host: {}", address());
    send(&format!("POST /api/v1/{name}"), &[&host, "content-type: application/json", &length], body.as_bytes())
}
