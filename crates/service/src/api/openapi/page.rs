//! The document as a page for people.

use std::fmt::Write;

use axum::http::{HeaderName, header};
use serde_json::Value;

/// The page has no script, and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}\
section{border-top:1px solid #8886;padding:.3rem 0}\
code,pre{font:.9rem/1.4 ui-monospace,monospace}\
pre{overflow:auto;padding:.6rem;background:#8882}\
h2{margin-top:2.5rem}h3{margin:.6rem 0 .2rem}p,ul{margin:.2rem 0}";

pub const HEADERS: [(HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
];

/// The page of a document.
pub fn of(document: &Value) -> String {
    let info = &document["info"];
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{about}</p>\
         <p>For machines: <a href=\"/openapi.json\">openapi.json</a></p>",
        title = text(&info["title"]),
        about = text(&info["description"]),
    );
    let mut tag = String::new();
    for (path, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            let of = text(&operation["tags"][0]);
            if of != tag {
                let _ = write!(page, "<h2>{of}</h2>");
                tag = of;
            }
            write_operation(&mut page, document, (method, path), operation);
        }
    }
    page.push_str("<h2>Documents</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let schema = serde_json::to_string_pretty(schema).unwrap_or_default();
        let (name, schema) = (escape(name), escape(&schema));
        let _ = write!(
            page,
            "<section id=\"{name}\"><h3>{name}</h3><pre>{schema}</pre></section>"
        );
    }
    page.push_str("</main></body></html>");
    page
}

fn write_operation(
    page: &mut String,
    document: &Value,
    (method, path): (&str, &str),
    operation: &Value,
) {
    let _ = write!(
        page,
        "<section><h3><code>{} {}</code></h3><p>{}. {}</p><ul>",
        method.to_uppercase(),
        escape(path),
        text(&operation["summary"]),
        text(&operation["description"]),
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = resolve(document, parameter);
        let _ = write!(
            page,
            "<li><code>{}</code> ({}): {}</li>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            text(&parameter["description"]),
        );
    }
    for (kind, content) in entries(&operation["requestBody"]["content"]) {
        let (kind, schema) = (escape(kind), link(&content["schema"]));
        let _ = write!(page, "<li>send {kind} {schema}</li>");
    }
    for (status, answer) in entries(&operation["responses"]) {
        let answer = resolve(document, answer);
        let (status, means) = (escape(status), text(&answer["description"]));
        let _ = write!(page, "<li>{status}: {means}");
        for (_, content) in entries(&answer["content"]) {
            let _ = write!(page, " {}", link(&content["schema"]));
        }
        page.push_str("</li>");
    }
    page.push_str("</ul></section>");
}

/// What a reference stands for, or the thing itself.
fn resolve<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let pointer = part["$ref"].as_str().map(|r| r.trim_start_matches('#'));
    pointer.and_then(|p| document.pointer(p)).unwrap_or(part)
}

/// A link to a document that is described below.
fn link(schema: &Value) -> String {
    // A list is of one kind of document.
    let of = match &schema["properties"]["items"]["items"] {
        Value::Null => schema,
        items => items,
    };
    let name = of["$ref"].as_str().and_then(|r| r.rsplit('/').next());
    let name = name.map(escape);
    name.map_or_else(String::new, |name| {
        format!("<a href=\"#{name}\">{name}</a>")
    })
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
