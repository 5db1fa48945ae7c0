//! Training specifications as JSON Schema. Written out, because `tapetum-learn` has nothing to do with documents.

use serde_json::{Value, json};

/// The schemas of everything in a training specification.
pub fn schemas() -> Value {
    let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let closed = |properties: Value, required: &[&str], about: &str| {
        json!({
            "type": "object", "description": about, "properties": properties, "required": required,
            "additionalProperties": false,
        })
    };
    let tagged =
        |tag: &str, content: Value, about: &str| closed(json!({tag: content}), &[tag], about);
    let bounded = |kind: &str, minimum: f64, maximum: f64, about: &str| {
        let mut schema =
            json!({"type": kind, "minimum": minimum, "maximum": maximum, "description": about});
        if kind == "integer" {
            schema["minimum"] = (minimum as u64).into();
            schema["maximum"] = (maximum as u64).into();
        }
        schema
    };
    let integer = |minimum: u32, maximum: u32, about: &str| {
        bounded("integer", minimum.into(), maximum.into(), about)
    };
    let mini_batches = closed(
        json!({
            "rows": {"type": "integer", "minimum": 1},
            "weight_bound": bounded("number", 1.0 / 1024.0, 1024.0, "A bound on the weights."),
        }),
        &["rows", "weight_bound"],
        "The size of mini-batches.",
    );
    let learning_rates = json!({
        "description": "Learning rates.",
        "oneOf": [
            tagged("constant", of("Rate"), "The same for all iterations."),
            tagged("inverse-time", of("Rate"), "The first one."),
            tagged("listed", json!({"type": "array", "items": of("Rate")}), "One per iteration."),
        ],
    });
    json!({
        "TrainingSpec": closed(
            json!({
                "learner": of("Learner"),
                "columns": integer(1, 65536, "Features per sample, including the intercept."),
                "classes": {
                    "type": "integer", "minimum": 2, "maximum": 256, "default": 2,
                    "description": "The number of classes: more than two for ovr, ridge and softmax only.",
                },
                "block_cols": integer(1, 65536, "Columns per block of the encrypted matrix: a power of two."),
                "slot_order": {
                    "enum": ["rows", "columns"], "default": "rows",
                    "description": "The order of the slots of a block; columns for softmax, and for ovr with more than two classes in mini-batches, only.",
                },
                "verdicts": {
                    "oneOf": [{"type": "null"}, of("ScoreThreshold")],
                    "description": "How scores become predictions before they leave the server, if they do.",
                },
                "levels": integer(1, 64, "The level of training data: what training and classification consume."),
            }),
            &["learner", "columns", "block_cols", "levels"],
            "What is trained, and the shape of the training data.",
        ),
        "Learner": {
            "description": "A learner with its settings.",
            "oneOf": [
                {"const": "linear-means"},
                tagged("logistic", of("LogisticRegression"), "Logistic regression."),
                tagged("fisher", of("LeastSquares"), "Fisher's linear discriminant."),
                tagged("ridge", of("LeastSquares"), "Ridge regression."),
                tagged("softmax", of("LogisticRegression"), "Logistic regression, one class versus the rest."),
                tagged("multinomial", of("SoftmaxRegression"), "Softmax regression."),
            ],
        },
        "LogisticRegression": closed(
            json!({
                "iterations": integer(1, 65536, "The number of iterations."),
                "degree": {
                    "enum": ["three", "five"],
                    "description": "The degree of the polynomial that approximates the sigmoid.",
                },
                "interval": bounded("number", 1.0, 64.0, "The largest score for which it does."),
                "steps": learning_rates,
                "batches": {"oneOf": [{"type": "null"}, mini_batches], "description": "Mini-batches, if any."},
            }),
            &["iterations", "degree", "interval", "steps"],
            "Settings of gradient descent.",
        ),
        "SoftmaxRegression": closed(
            json!({
                "iterations": integer(1, 65536, "The number of iterations."),
                "interval": bounded("number", 4.0, 20.0, "The largest score."),
                "steps": learning_rates,
                "batches": mini_batches,
            }),
            &["iterations", "interval", "steps", "batches"],
            "Settings of softmax regression.",
        ),
        "Rate": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
        "LeastSquares": closed(
            json!({
                "steps": integer(1, 64, "The number of iterations."),
                "largest-eigenvalue": bounded(
                    "number", 0.001, 1e6, "A bound on the eigenvalues of the features' Gram matrix.",
                ),
                "alpha": bounded("number", 0.0, 1e9, "The penalty of ridge regression; 0 without one."),
            }),
            &["steps", "largest-eigenvalue"],
            "Settings of the least-squares family.",
        ),
        "ScoreThreshold": closed(
            json!({
                "bound": {
                    "type": "number", "exclusiveMinimum": 0, "maximum": 1e6,
                    "description": "The largest magnitude of a score.",
                },
                "precision_bits": integer(4, 12, "The precision of the comparison with zero."),
                "cleaning": {
                    "type": "string", "enum": ["cubic", "septic"], "default": "cubic",
                    "description": "The polynomial after the comparison, which makes its error small.",
                },
            }),
            &["bound", "precision_bits"],
            "How scores become predictions.",
        ),
    })
}
