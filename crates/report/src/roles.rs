//! The figure of the three roles. It is tall and narrow, so that a phone can show it as it is.

use maud::{Markup, html};

const BOX_LEFT: i32 = 120;
const BOX_WIDTH: i32 = 320;
const BOX_HEIGHT: i32 = 88;

/// Contributor, server and owner, with what passes between them.
pub fn diagram(labels_encrypted: bool) -> Markup {
    let (labels, sentence) = if labels_encrypted {
        (
            "and their labels",
            "The owner sends encrypted pictures and encrypted labels to train on to the server.",
        )
    } else {
        (
            "and clear labels",
            "The owner sends encrypted pictures to train on to the server, and their labels in the clear.",
        )
    };
    html! {
        svg.diagram viewBox="0 0 460 472" role="img" aria-labelledby="roles-title roles-description" {
            title id="roles-title" { "Contributor, server and owner" }
            desc id="roles-description" {
                "The owner gives the public key to the contributor and evaluation keys to the server. "
                (sentence) " The contributor sends encrypted new pictures to the server. "
                "The server sends encrypted scores to the owner, who alone has the secret key."
            }
            defs {
                marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" orient="auto" {
                    path.head d="M0 0 L10 5 L0 10 Z" {}
                }
            }
            (role("contributor", 10, "Contributor", "encrypts new pictures", &html! {
                rect x="0" y="3" width="36" height="30" rx="3" {}
                circle cx="11" cy="13" r="3.5" {}
                path d="M2 30 L14 19 L21 25 L27 20 L34 28" {}
            }))
            (role("server", 166, "Server", "computes on ciphertexts", &html! {
                rect x="2" y="2" width="32" height="14" rx="3" {}
                rect x="2" y="20" width="32" height="14" rx="3" {}
                path d="M8 9 H9 M14 9 H15 M8 27 H9 M14 27 H15" {}
            }))
            (role("owner", 374, "Owner", "keeps the secret key", &html! {
                circle cx="10" cy="18" r="8" {}
                path d="M18 18 H35 V25 M28 18 V24" {}
            }))
            g.flow {
                path d="M280 98 V163" marker-end="url(#head)" {}
                path d="M206 374 V257" marker-end="url(#head)" {}
                path d="M424 254 V371" marker-end="url(#head)" {}
            }
            g.flow.keys {
                path d="M156 374 V257" marker-end="url(#head)" {}
                path d="M120 418 H40 V54 H117" marker-end="url(#head)" {}
            }
            g.flow-label {
                text x="292" y="136" { "encrypted pictures" }
                text x="50" y="137" { "public key" }
                text x="146" y="338" text-anchor="end" { "evaluation" }
                text x="146" y="357" text-anchor="end" { "keys" }
                text x="216" y="290" { "encrypted pictures" }
                text x="216" y="309" { (labels) }
                text x="414" y="346" text-anchor="end" { "encrypted scores" }
            }
        }
    }
}

fn role(class: &str, top: i32, name: &str, does: &str, icon: &Markup) -> Markup {
    html! {
        g class=(class) {
            rect.box x=(BOX_LEFT) y=(top) width=(BOX_WIDTH) height=(BOX_HEIGHT) rx="12" {}
            g.icon transform={ "translate(" (BOX_LEFT + 22) " " (top + 26) ")" } { (icon) }
            text.name x=(BOX_LEFT + 78) y=(top + 38) { (name) }
            text.does x=(BOX_LEFT + 78) y=(top + 62) { (does) }
        }
    }
}
