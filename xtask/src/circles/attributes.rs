//! The attributes that decide what is compiled, and from where.

use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// Whether only tests compile an item.
pub fn is_test_only(item: &syn::Item) -> bool {
    are_test_only(attributes(item))
}

/// Whether only tests compile what has these: `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, ...))]`.
pub fn are_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && condition(attribute).is_some_and(|c| needs_test(&c))
    })
}

/// The file that `#[path = "..."]` names.
pub fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("path") => match &meta.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(path),
                    ..
                }) => Some(path.value()),
                _ => None,
            },
            _ => None,
        })
}

fn condition(attribute: &Attribute) -> Option<Meta> {
    attribute.parse_args().ok()
}

fn needs_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else {
        return condition.path().is_ident("test");
    };
    let parts = Punctuated::<Meta, Token![,]>::parse_terminated
        .parse2(list.tokens.clone())
        .unwrap_or_default();
    if list.path.is_ident("all") {
        parts.iter().any(needs_test)
    } else {
        list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_test)
    }
}

macro_rules! attributes {
    ($item:ident: $($kind:ident)*) => {
        match $item {
            $(syn::Item::$kind(item) => &item.attrs,)*
            _ => &[],
        }
    };
}

fn attributes(item: &syn::Item) -> &[Attribute] {
    attributes!(item: Const Enum Fn Impl Macro Mod Static Struct Trait Type Union Use)
}
