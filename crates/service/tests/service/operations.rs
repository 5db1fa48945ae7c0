//! What operators and machines look at.

use crate::common::Place;
use crate::common::raw::{get, metrics, send};
use serde_json::Value;

/// Every operation of the document is known to the server, under the name and method that it says. Nothing
/// is answered without a token but what the document says.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_the_server() {
    let place = Place::new(|_| ()).await;
    let document = get(&place, "", "/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.replace("{id}", "xyz").replace("{part}", "xyz");
            let method = method.to_uppercase();
            let found = send(&place, "", &method, &path, &[], "").await;
            let is_open = operation["security"] == Value::Array(vec![]);
            if is_open {
                assert!(
                    (200..300).contains(&found.status),
                    "{method} {path} {}",
                    found.status
                )
            } else {
                assert!(
                    [401, 412].contains(&found.status),
                    "{method} {path} {}",
                    found.status
                )
            }
            // A method that the document does not have is refused.
            operations += 1;
        }
        let path = path.replace("{id}", "xyz").replace("{part}", "xyz");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if methods.get(method.to_lowercase()).is_none() {
                let found = send(&place, "", method, &path, &[], "").await;
                assert_eq!(found.status, 405, "{method} {path} is not in the document");
            }
        }
    }
    assert!(operations > 40, "{operations}");
    // All references lead somewhere.
    check_references(&document, &document);
    place.server.stop().await;
}

fn check_references(document: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "$ref" {
                    let pointer = value.as_str().unwrap().trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{pointer}");
                }
                check_references(document, value);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| check_references(document, item)),
        _ => (),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_the_operator_only() {
    let place = Place::new(|_| ()).await;
    place.owner().whoami().await.unwrap();
    assert_eq!(get(&place, "", "/health/live").await.status, 204);
    assert_eq!(get(&place, &place.tokens[0], "/metrics").await.status, 404);

    let text = metrics(&place).await;
    for line in [
        "tapetum_requests_total{status=\"2xx\"} 2",
        "tapetum_requests_total{status=\"4xx\"} 1",
        "tapetum_tenants 2",
        "tapetum_jobs_queued 0",
        "tapetum_stored_bytes 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    // No name of a tenant, and no token.
    assert!(!text.contains("first") && !text.contains("tpt_"));
    place.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_a_page_too() {
    let place = Place::new(|_| ()).await;
    let page = get(&place, "", "/docs").await;
    let text = std::str::from_utf8(&page.body).unwrap();
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"));
    assert!(!text.contains("<script") && !text.contains("http://") && !text.contains("src="));
    let document = get(&place, "", "/openapi.json").await.json();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(text.contains(&format!(" {path}</code>")), "{path}");
    }
    // Links lead to what is on the page.
    for link in text.split("href=\"#").skip(1) {
        let name = link.split('"').next().unwrap();
        assert!(text.contains(&format!("id=\"{name}\"")), "{name}");
    }
    place.server.stop().await;
}
