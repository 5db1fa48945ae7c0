//! What the OpenAPI document says of one operation.

use axum::http::StatusCode;
use tapetum_client::Scope;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{
    ContentBuilder, Header, Ref, RefOr, Required, Response, ResponseBuilder, SecurityRequirement,
};

use crate::api::uploads::headers::{CONTENT_TYPE, VERSION};
use crate::id::Kind;

/// Problems, by their statuses: the names of their responses and what they mean.
#[rustfmt::skip]
pub const PROBLEMS: [(u16, &str, &str); 15] = [
    (400, "Malformed", "The request is not as this document says."),
    (401, "Unauthorized", "There is no token, or not a valid one."),
    (403, "Forbidden", "The token lacks the scope."),
    (404, "NotFound", "There is no such thing, or it belongs to somebody else."),
    (409, "Conflict", "It conflicts with the present state."),
    (412, "OtherVersion", "Unsupported version of tus."),
    (413, "TooLarge", "Larger than allowed."),
    (415, "OtherMediaType", "Unsupported media type."),
    (416, "RangeNotSatisfiable", "The file ends before the range."),
    (422, "Unacceptable", "Well-formed, but what it says or names cannot be accepted."),
    (423, "Locked", "Concurrent request."),
    (429, "TooMany", "Too much at a time for this token or tenant."),
    (500, "Failed", "The server failed."),
    (503, "Busy", "The server is overloaded."),
    (507, "Quota", "The storage quota is used up."),
];

/// An operation as it is described.
pub struct Op(OperationBuilder);

impl Op {
    /// An operation for callers with a token.
    pub fn new(tag: &str, id: &str, summary: &str) -> Self {
        Self::open(tag, id, summary).problems(&[401, 429])
    }

    /// An operation on this kind of thing.
    pub fn of(kind: Kind, verb: &str, summary: &str) -> Self {
        let mut id = verb.to_owned();
        let name = kind.name().trim_end_matches(" job");
        for word in name.split(' ') {
            let (first, rest) = word.split_at(1);
            id += &(first.to_uppercase() + rest);
        }
        id += if verb == "list" { "s" } else { "" };
        Self::new(&format!("{name}s"), &id, summary)
    }

    /// An operation for everyone.
    pub fn public(tag: &str, id: &str, summary: &str) -> Self {
        let Self(builder) = Self::open(tag, id, summary);
        Self(builder.securities(Some([] as [SecurityRequirement; 0])))
    }

    fn open(tag: &str, id: &str, summary: &str) -> Self {
        let builder = OperationBuilder::new()
            .tag(tag)
            .operation_id(Some(id))
            .summary(Some(summary));
        Self(builder).problems(&[500, 503])
    }

    /// Only tokens with one of these scopes; owners have all.
    pub fn scopes(self, scopes: &[Scope]) -> Self {
        let mut names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        if names.len() == Scope::ALL.len() {
            return self.problems(&[403]);
        }
        if !names.contains(&Scope::Owner.name()) {
            names.insert(0, Scope::Owner.name());
        }
        let description = format!("Scopes: {}.", names.join(", "));
        Self(self.0.description(Some(description))).problems(&[403])
    }

    /// These problems too.
    pub fn problems(self, statuses: &[u16]) -> Self {
        let mut builder = self.0;
        for &(status, name, _) in PROBLEMS.iter().filter(|(s, ..)| statuses.contains(s)) {
            builder = builder.response(status.to_string(), Ref::from_response_name(name));
        }
        Self(builder)
    }

    /// An id in the path.
    pub fn id(self, name: &str, kind: Kind) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .description(Some(format!("The id of the {}.", kind.name())))
            .schema(Some(pattern(&format!(
                "^{}_[0-9a-f]{{32}}$",
                kind.prefix()
            ))));
        Self(self.0.parameter(parameter)).problems(&[404])
    }

    fn parameter(
        self,
        (of, required): (ParameterIn, Required),
        (name, about): (&str, &str),
        schema: impl Into<Schema>,
    ) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(of)
            .required(required)
            .description(Some(about))
            .schema(Some(schema.into()));
        Self(self.0.parameter(parameter))
    }

    /// A parameter in the query.
    pub fn query(self, name: &str, about: &str, schema: impl Into<Schema>) -> Self {
        let place = (ParameterIn::Query, Required::False);
        self.parameter(place, (name, about), schema)
            .problems(&[400])
    }

    /// A header that the request may have.
    pub fn header(self, name: &str, about: &str, schema: impl Into<Schema>) -> Self {
        self.parameter(
            (ParameterIn::Header, Required::False),
            (name, about),
            schema,
        )
    }

    /// A header that the request must have.
    pub fn needs(self, name: &str, about: &str, schema: impl Into<Schema>) -> Self {
        self.parameter((ParameterIn::Header, Required::True), (name, about), schema)
    }

    /// Pages of a list.
    pub fn pages(self) -> Self {
        let limit = number(Type::Integer, 1, 100);
        self.query("limit", "The number of entries.", limit).query(
            "after",
            "Entries after the one with this id.",
            text(),
        )
    }

    /// The version of tus.
    pub fn tus(self) -> Self {
        let version = text().enum_values(Some([VERSION]));
        self.needs("Tus-Resumable", "The version of tus.", version)
            .problems(&[412])
    }

    /// The bytes of an upload in the request.
    pub fn bytes(self) -> Self {
        let body = RequestBodyBuilder::new()
            .content(CONTENT_TYPE, ContentBuilder::new().build())
            .required(Some(Required::False));
        Self(self.0.request_body(Some(body.build())))
    }

    /// A document in the request.
    pub fn body<T: ToSchema>(self) -> Self {
        let content = ContentBuilder::new().schema(Some(reference::<T>()));
        let body = RequestBodyBuilder::new()
            .content("application/json", content.build())
            .required(Some(Required::True));
        Self(self.0.request_body(Some(body.build()))).problems(&[400, 413, 415, 422])
    }

    /// A document that says what to create; its answer is remembered.
    pub fn creates<T: ToSchema>(self) -> Self {
        self.header(
            "Idempotency-Key",
            "A repeated request with the same key gets the first answer.",
            pattern("^[!-~]{1,100}$"),
        )
        .body::<T>()
    }

    fn answer(self, status: StatusCode, response: impl Into<RefOr<Response>>) -> Self {
        Self(self.0.response(status.as_str(), response))
    }

    /// A document in the answer, and headers.
    pub fn answers<T: ToSchema>(self, status: StatusCode, headers: &[&str]) -> Self {
        let content = ContentBuilder::new().schema(Some(reference::<T>()));
        let response = with_headers(ResponseBuilder::new().description(T::name()), headers);
        self.answer(
            status,
            response.content("application/json", content.build()),
        )
    }

    /// A list in the answer.
    pub fn lists<T: ToSchema>(self) -> Self {
        let items = ArrayBuilder::new().items(reference::<T>());
        let list = ObjectBuilder::new()
            .property("items", items)
            .required("items");
        let content = ContentBuilder::new().schema(Some(list));
        let response = ResponseBuilder::new()
            .description(format!("{}s", T::name()))
            .content("application/json", content.build());
        self.answer(StatusCode::OK, response)
    }

    /// Something else in the answer, of a media type, or nothing but headers without one.
    pub fn sends(
        self,
        status: StatusCode,
        about: &str,
        media_type: &str,
        headers: &[&str],
    ) -> Self {
        let mut response = with_headers(ResponseBuilder::new().description(about), headers);
        if !media_type.is_empty() {
            response = response.content(media_type, ContentBuilder::new().build());
        }
        self.answer(status, response)
    }

    /// A file in the answer, or a part of it.
    pub fn file(self) -> Self {
        const BYTES: &str = "application/octet-stream";
        self.header("Range", "One part of the file, as RFC 9110 has it.", text())
            .header(
                "If-Range",
                "The part only if this is the file's ETag.",
                text(),
            )
            .sends(StatusCode::OK, "The file.", BYTES, &["Tapetum-Blake3"])
            .sends(
                StatusCode::PARTIAL_CONTENT,
                "A part of the file.",
                BYTES,
                &["Content-Range", "Tapetum-Blake3"],
            )
            .problems(&[416])
    }

    /// The finished operation.
    pub fn build(self) -> Operation {
        self.0.build()
    }
}

/// Any text.
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// Text of this form.
pub fn pattern(pattern: &str) -> ObjectBuilder {
    text().pattern(Some(pattern))
}

/// A number between bounds.
pub fn number(kind: Type, minimum: u32, maximum: u32) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(kind))
        .minimum(Some(minimum))
        .maximum(Some(maximum))
}

fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

/// Headers of an answer, all of them text.
fn with_headers(response: ResponseBuilder, headers: &[&str]) -> ResponseBuilder {
    let headers = headers.iter().map(|&name| {
        let schema = match name {
            "Tus-Resumable" => text().enum_values(Some([VERSION])),
            "Retry-After" | "Tus-Max-Size" | "Upload-Length" | "Upload-Offset" => {
                pattern("^[0-9]+$")
            }
            "WWW-Authenticate" => text().enum_values(Some(["Bearer"])),
            _ => text(),
        };
        (name, Header::new(schema))
    });
    headers.fold(response, |response, (name, header)| {
        response.header(name, header)
    })
}

/// The answer to a problem of this status.
pub fn problem(status: u16, about: &str) -> Response {
    let headers: &[_] = match status {
        401 => &["WWW-Authenticate"],
        412 => &["Tus-Version"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    let content = ContentBuilder::new().schema(Some(reference::<tapetum_client::Problem>()));
    with_headers(ResponseBuilder::new().description(about), headers)
        .content(tapetum_client::PROBLEM_JSON, content.build())
        .build()
}
