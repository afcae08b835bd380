//! The server as a client sees it: what it refuses, what it answers, for every case of the corpora.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{address, ask, send};
use matgrad::{Layout, Request, Text};
use serde_json::{Value, json};

#[test]
fn what_is_no_question_is_refused() {
    let host = format!("host: {}", address());
    let refused = |first: &str, headers: &[&str], body: &[u8], status: u16, code: &str| {
        let mut all = vec![host.as_str()];
        all.extend(headers);
        let length = format!("content-length: {}", body.len());
        all.push(&length);
        let reply = send(first, &all, body);
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{first}");
    };
    let json = "content-type: application/json";
    refused("GET /nothing", &[], b"", 404, "path");
    refused("POST /api/v1/nothing", &[json], b"{}", 404, "path");
    refused("GET /api/v1/diff", &[], b"", 405, "method");
    refused("POST /", &[], b"", 405, "method");
    refused("POST /api/v1/diff", &["content-type: text/plain"], b"{}", 415, "type");
    refused("POST /api/v1/diff", &[json], b"{", 400, "json");
    refused("POST /api/v1/diff", &[json], b"{}", 422, "question");
    refused("POST /api/v1/diff", &[json], &vec![b' '; 300 << 10], 413, "limit");
    refused("POST /api/v1/diff", &[json, "origin: http://elsewhere.example"], b"{}", 403, "host");
    refused("POST /api/v1/diff", &[json, "origin: http://localhost:1"], b"{}", 403, "host");
    // a name of another site that leads here
    let elsewhere = send("GET /", &["host: elsewhere.example"], b"");
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (403, "host"));
}

#[test]
fn what_does_not_arrive_is_given_up() {
    let mut stream = TcpStream::connect(address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let head = "content-type: application/json\r\ncontent-length: 100\r\nconnection: close";
    let request = format!("POST /api/v1/diff HTTP/1.1\r\nhost: {}\r\n{head}\r\n\r\n{{", address());
    stream.write_all(request.as_bytes()).expect("a request");
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    assert!(String::from_utf8_lossy(&all).starts_with("HTTP/1.1 408"), "{}", String::from_utf8_lossy(&all));
}

#[test]
fn many_questions_at_once_are_all_answered() {
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..24)
            .map(|k| {
                scope.spawn(move || ask("diff", &json!({ "expression": format!("x'*A*x + {k}*b'*x"), "wrt": "x" })))
            })
            .collect();
        for reply in all {
            assert_eq!(reply.join().expect("an answer").status, 200);
        }
    });
}

#[test]
fn the_page_asks_nobody_else() {
    let page = send("GET /", &[&format!("host: {}", address())], b"");
    assert_eq!(page.status, 200);
    for header in ["content-security-policy: default-src 'self'", "x-content-type-options: nosniff", "referrer-policy"]
    {
        assert!(page.head.contains(header), "{header}");
    }
    for file in ["/", "/page.js", "/page.css", "/words.js", "/pictures.js", "/api/v1/openapi.json", "/api/v1/examples"]
    {
        let reply = send(&format!("GET {file}"), &[&format!("host: {}", address())], b"");
        assert_eq!(reply.status, 200, "{file}");
        let text = String::from_utf8_lossy(&reply.body);
        let foreign = text.match_indices("http").filter(|(at, _)| text[*at..].starts_with("https://")).count();
        assert_eq!(foreign, 0, "{file}");
    }
}

#[test]
fn answers_are_those_of_the_library() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus"));
    let mut cases = 0;
    for name in ["cookbook_even", "texts", "wikipedia"] {
        let text = fs::read_to_string(folder.join(format!("{name}.jsonl"))).expect("the corpora");
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let case: Value = serde_json::from_str(line).expect("a case");
            let word = |key: &str| case[key].as_str();
            let (Some(formula), Some(wrt)) = (word("script").or(word("expr")), word("wrt")) else { continue };
            let layout = word("layout").unwrap_or("numerator");
            let order = case["order"].as_u64().unwrap_or(1);
            let declare: Vec<&str> =
                case["declare"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let text = declare.iter().fold(Text::script("expression", formula), |text, line| text.declare(*line));
            let mut request =
                Request::new(text, wrt).layout(Layout::parse(layout).expect("a layout")).order(order as usize);
            request.of = word("of").map(str::to_owned);
            let mut question =
                json!({ "expression": formula, "declare": declare, "wrt": wrt, "order": order, "layout": layout });
            question["of"] = case["of"].clone();
            let reply = ask("diff", &question);
            let shown = reply.json();
            match matgrad::derive(&request) {
                Ok(answer) => {
                    assert_eq!(reply.status, 200, "{formula}: {shown}");
                    for (key, value) in answer.json().as_object().into_iter().flatten() {
                        // numbers lose a last digit on their way through JSON
                        if key != "gradient" && key != "verified" {
                            assert_eq!(&shown[key], value, "{formula} {key}");
                        }
                    }
                    assert!(shown["mathml"].as_str().is_some_and(|text| text.starts_with("<math")), "{formula}");
                }
                Err(_) => assert_eq!(reply.status, 422, "{formula}"),
            }
            cases += 1;
        }
    }
    assert!(cases > 300, "{cases}");
}

#[test]
fn claims_steps_and_curvature() {
    let formula = json!({ "expression": "norm(y - Phi*theta)^2", "wrt": "theta" });
    let with = |key: &str, value: &str| {
        let mut question = formula.clone();
        question[key] = json!(value);
        question
    };
    let wrong = ask("check", &with("claim", "2*Phi'*(y - Phi*theta)")).json();
    assert_eq!(wrong["right"], json!(false));
    assert_eq!(wrong["diagnoses"][0]["fault"], json!("sign"), "{wrong}");
    assert!(wrong["point"]["Phi"].is_string() && wrong["mismatch"]["truth"].is_number());
    let claimed = "= 2*(y - Phi*theta)'*(-Phi)\n= 2*(y - Phi*theta)'*Phi\n= 0";
    let steps = ask("check", &with("claim", claimed)).json();
    let rights: Vec<&Value> = steps["steps"].as_array().expect("steps").iter().map(|step| &step["right"]).collect();
    assert_eq!(rights, [&json!(true), &json!(false)], "the first wrong line is the last that is judged");
    for style in ["chain", "differential"] {
        let shown = ask("steps", &with("style", style)).json();
        let steps = shown["steps"].as_array().expect("steps");
        assert!(steps.len() > 3);
        for step in steps {
            let formulas = step["mathml"].as_array().expect("formulas");
            assert!(
                !formulas.is_empty() && formulas.iter().all(|f| f.as_str().is_some_and(|f| f.ends_with("</math>")))
            );
        }
    }
    let found = ask("curvature", &formula).json();
    assert_eq!(found["curvature"], json!("convex"));
    assert!(found["proof"][0]["mathml"].as_str().is_some_and(|text| text.starts_with("<math")));
}

#[test]
fn nonsense_is_an_error_and_nothing_else() {
    let long = format!("x{}", "'*x".repeat(3000));
    let deep = format!("{}x{}", "(".repeat(20_000), ")".repeat(20_000));
    let texts = [
        "",
        " ",
        "(",
        "x'",
        "\u{0}",
        "\u{202e}x",
        "🙂",
        "<script>alert(1)</script>",
        "x in",
        "x in R^(10^9 x 10^9)",
        "1/0",
        "x/0",
        "ones(10^9, 10^9)*x",
        "x^x^x^x^x",
        "sum[i:10^12](i*x)",
        "inv(inv(inv(0)))",
        "∂∂∂",
        "=",
        "= x",
        long.as_str(),
        deep.as_str(),
    ];
    for text in texts {
        for name in ["diff", "check", "layouts", "steps", "curvature", "code", "eval"] {
            let reply = ask(name, &json!({ "expression": text, "wrt": "x", "claim": text, "target": text }));
            assert!(
                matches!(reply.status, 200 | 422),
                "{name} {}: {}",
                &text.chars().take(20).collect::<String>(),
                reply.status
            );
            if reply.status == 422 {
                assert!(!reply.code().is_empty());
            }
        }
    }
}

/// Four workers take long questions whose askers go away; the next question does not wait for them.
#[test]
fn who_has_gone_away_is_not_computed_for() {
    let long: String = (0..400).map(|k| format!("norm(A_{k}*x - b_{k})^{} + ", 2 + k % 3)).collect();
    let body = json!({ "expression": format!("{long}0"), "wrt": "x", "order": 2 }).to_string();
    let head = format!(
        "POST /api/v1/diff HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        address(),
        body.len()
    );
    for _ in 0..8 {
        let mut stream = TcpStream::connect(address()).expect("a connection");
        stream.write_all(head.as_bytes()).expect("a request");
        stream.write_all(body.as_bytes()).expect("a request");
        std::thread::sleep(Duration::from_millis(50));
    }
    let began = Instant::now();
    assert_eq!(ask("diff", &json!({ "expression": "x'*A*x", "wrt": "x" })).status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// A question that takes too long is refused when its time is over.
#[test]
fn long_questions_are_given_up() {
    let long: String = (0..2500).map(|k| format!("norm(A_{k}*x - b_{k})^{} + ", 2 + k % 3)).collect();
    let began = Instant::now();
    let reply = ask("diff", &json!({ "expression": format!("{long}0"), "wrt": "x" }));
    assert!(matches!(reply.status, 503 | 422), "{}", reply.status);
    assert_eq!(reply.code(), "limit");
    assert!(began.elapsed() < Duration::from_secs(13), "{:?}", began.elapsed());
}
