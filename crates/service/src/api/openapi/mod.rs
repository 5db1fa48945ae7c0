//! The description of the interface as OpenAPI 3.1, derived from the routes that are served and the documents that
//! they take and give.

mod operation;
mod page;
mod recipe;

use std::future::ready;

use axum::Router;
use axum::handler::Handler;
use axum::http::{StatusCode, header};
use axum::routing::{MethodFilter, get, on};
use serde_json::Value;
use tapetum_client::{
    CreateClassification, CreateDataSet, CreateKeySet, CreateModel, CreateNetwork,
    CreateParameterSet, CreatePart, CreateToken, CreateTraining, JobView, NewToken, Object,
    Problem, ProgressView, Receipt, Scope, State, StoredFile, TokenView, UploadView, Usage, WhoAmI,
};
use utoipa::openapi::path::{HttpMethod, PathItem, Paths};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, SecurityRequirement,
};

use crate::error::{Error, Result};
use crate::state::App;

pub use operation::{Op, number, pattern, text};

/// Headers that are not in every answer that may have them.
const OPTIONAL_HEADERS: [&str; 2] = ["Upload-Expires", "Tapetum-Blake3"];

/// Routes, and what the document says of them: none is without the other.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    paths: Paths,
}

macro_rules! methods {
    ($($name:ident $method:ident $filter:ident;)*) => {$(
        /// Adds a route of this method.
        pub fn $name<H, T>(self, path: &str, handler: H, op: Op) -> Self
        where
            H: Handler<T, App>,
            T: 'static,
        {
            let method = (HttpMethod::$method, MethodFilter::$filter);
            self.add(method, path, handler, op)
        }
    )*};
}

impl Routes {
    methods! {
        get Get GET;
        post Post POST;
        patch Patch PATCH;
        head Head HEAD;
        delete Delete DELETE;
        options Options OPTIONS;
    }

    fn add<H, T>(
        mut self,
        (method, filter): (HttpMethod, MethodFilter),
        path: &str,
        handler: H,
        op: Op,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.router = self.router.route(path, on(filter, handler));
        self.describe(method, path, op)
    }

    fn describe(mut self, method: HttpMethod, path: &str, op: Op) -> Self {
        let item = PathItem::new(method, op.build());
        let found = self.paths.paths.entry(path.to_owned()).or_default();
        found.merge_operations(item);
        self
    }

    /// Adds other routes.
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.merge(other.paths);
        self
    }

    /// Changes the router of these routes.
    pub fn map(mut self, change: impl FnOnce(Router<App>) -> Router<App>) -> Self {
        self.router = change(self.router);
        self
    }

    /// The router, which serves the document about all these routes and itself too.
    pub fn serve(self) -> Result<Router<App>> {
        let op = |id, summary, what, kind| {
            Op::public("health", id, summary).sends(StatusCode::OK, what, kind, &[])
        };
        let document = op(
            "openapi",
            "This document",
            "OpenAPI 3.1.",
            "application/json",
        );
        let page = op(
            "page",
            "This document as a page",
            "A page without scripts.",
            "text/html",
        );
        let all = self
            .describe(HttpMethod::Get, "/openapi.json", document)
            .describe(HttpMethod::Get, "/docs", page);
        let document = document_of(all.paths)?;
        let (page, text) = (page::of(&document), document.to_string());
        let json = [(header::CONTENT_TYPE, "application/json")];
        let document = move || ready((json, text.clone()));
        let page = move || ready((page::HEADERS, page.clone()));
        Ok(all
            .router
            .route("/openapi.json", get(document))
            .route("/docs", get(page)))
    }
}

fn document_of(paths: Paths) -> Result<Value> {
    let license = "MIT OR Apache-2.0";
    let license = LicenseBuilder::new()
        .name(license)
        .identifier(Some(license));
    let info = InfoBuilder::new()
        .title("Tapetum")
        .version("1")
        .description(Some(
            "Trains image classifiers on encrypted images, and classifies encrypted images. docs/service.md says more.",
        ))
        .license(Some(license.build()));
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let mut components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(token))
        .schema_from::<Problem>()
        .schema_from::<Scope>()
        .schema_from::<NewToken>()
        .schema_from::<TokenView>()
        .schema_from::<WhoAmI>()
        .schema_from::<Usage>()
        .schema_from::<Object>()
        .schema_from::<StoredFile>()
        .schema_from::<UploadView>()
        .schema_from::<JobView>()
        .schema_from::<State>()
        .schema_from::<ProgressView>()
        .schema_from::<Receipt>()
        .schema_from::<CreateToken>()
        .schema_from::<CreateParameterSet>()
        .schema_from::<CreateKeySet>()
        .schema_from::<CreateDataSet>()
        .schema_from::<CreatePart>()
        .schema_from::<CreateModel>()
        .schema_from::<CreateNetwork>()
        .schema_from::<CreateTraining>()
        .schema_from::<CreateClassification>();
    for (status, name, about) in operation::PROBLEMS {
        components = components.response(name, operation::problem(status, about));
    }
    let document = OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new("token", [""; 0])]));
    let mut document = serde_json::to_value(document.build())
        .map_err(|e| Error::internal("the OpenAPI document", e))?;
    require_headers(&mut document);
    // What `learn` reads, which knows nothing of documents.
    if let (Some(schemas), Value::Object(own)) = (
        document["components"]["schemas"].as_object_mut(),
        recipe::schemas(),
    ) {
        schemas.extend(own);
    }
    Ok(document)
}

/// The library has no field that says that a header is always there.
fn require_headers(part: &mut Value) {
    if let Some(headers) = part.get_mut("headers").and_then(Value::as_object_mut) {
        let required = headers.iter_mut().filter(|(name, header)| {
            header.is_object() && !OPTIONAL_HEADERS.contains(&name.as_str())
        });
        required.for_each(|(_, header)| header["required"] = true.into());
    }
    match part {
        Value::Object(fields) => fields.values_mut().for_each(require_headers),
        Value::Array(items) => items.iter_mut().for_each(require_headers),
        _ => (),
    }
}
