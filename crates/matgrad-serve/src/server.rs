//! Requests in, answers out: paths, limits, headers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use matgrad::patience;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{api, assets};

/// A request is no longer than this.
const MAX_BODY: usize = 256 << 10;
/// A formula has this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many formulas are worked on at once; further ones wait.
const WORKERS: usize = 4;

/// A server that has its address but does not answer yet.
#[derive(Debug)]
pub struct Server {
    runtime: tokio::runtime::Runtime,
    listener: tokio::net::TcpListener,
    address: SocketAddr,
}

/// Takes a port of the loopback interface; 0 is any that is free.
///
/// # Errors
/// What the operating system says, when the port is taken, for instance.
pub fn bind(port: u16) -> std::io::Result<Server> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(WORKERS)
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
    let address = listener.local_addr()?;
    Ok(Server { runtime, listener, address })
}

impl Server {
    /// Where the page is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn run(self) -> std::io::Result<()> {
        let workers = Arc::new(Semaphore::new(WORKERS));
        let router = Router::new().fallback(move |request: Request| handle(request, Arc::clone(&workers)));
        self.runtime.block_on(async { axum::serve(self.listener, router).await })
    }
}

async fn handle(request: Request, workers: Arc<Semaphore>) -> Response {
    let mut response = answer(request, workers).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

async fn answer(request: Request, workers: Arc<Semaphore>) -> Response {
    if !is_local(request.headers()) {
        return refuse(StatusCode::FORBIDDEN, "host", "this server answers to localhost only");
    }
    let path = request.uri().path().to_owned();
    if let Some(asset) = assets::find(&path) {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "method", "this is a file: GET it");
        }
        return reply(StatusCode::OK, asset.kind, asset.bytes.to_vec());
    }
    let Some(endpoint) = path.strip_prefix("/api/v1/").and_then(api::find) else {
        return refuse(StatusCode::NOT_FOUND, "path", "there is nothing here");
    };
    if request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "method", "questions are posted, as JSON");
    }
    // a page of another site can post forms, not this type
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if !kind.starts_with("application/json") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "type", "questions are posted as application/json");
    }
    let body = match tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refuse(StatusCode::PAYLOAD_TOO_LARGE, "limit", "the text is too long"),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "limit", "the question did not arrive within 10 seconds"),
    };
    let question: Value = match serde_json::from_slice(&body) {
        Ok(question) => question,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "json", &format!("this is no JSON: {error}")),
    };
    let deadline = Instant::now() + PATIENCE;
    let late = || refuse(StatusCode::SERVICE_UNAVAILABLE, "limit", "there was no answer within 10 seconds");
    // set when nobody waits any more: the time is over, or the one who asked has gone
    let gone = GoneAway::default();
    let flag = Arc::clone(&gone.0);
    let work = async {
        let permit = workers.acquire_owned().await.ok()?;
        let work = move || {
            // held until the work is done or given up
            let _permit = permit;
            patience::unless(flag, || patience::within(deadline, || endpoint(&question, deadline))).flatten()
        };
        Some(tokio::task::spawn_blocking(work).await)
    };
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Some(Ok(Some(Ok(value))))) => json_reply(StatusCode::OK, &value),
        Ok(Some(Ok(Some(Err(value))))) => json_reply(StatusCode::UNPROCESSABLE_ENTITY, &value),
        Ok(Some(Ok(None))) | Err(_) => late(),
        Ok(_) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "defect", "the computation failed; this is a defect of matgrad")
        }
    }
}

/// Says so when it is dropped.
#[derive(Default)]
struct GoneAway(Arc<AtomicBool>);

impl Drop for GoneAway {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether a request was meant for this machine: a name of another site that leads here is refused.
fn is_local(headers: &HeaderMap) -> bool {
    let name = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let local = |host: &str| {
        let host =
            host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(h, _)| h);
        matches!(host, "localhost" | "127.0.0.1" | "[::1]")
    };
    let host = name(header::HOST);
    // a page of another port of this machine is another site
    let origin = name(header::ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == host);
    origin && host.is_some_and(local)
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    json_reply(status, &json!({ "errors": [{ "code": code, "message": message, "help": [] }] }))
}

fn json_reply(status: StatusCode, value: &Value) -> Response {
    reply(status, "application/json", value.to_string().into_bytes())
}

fn reply(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
