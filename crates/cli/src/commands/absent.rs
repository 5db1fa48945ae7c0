//! The commands that a program built without them has: they say how to get them.

/// A command that takes any arguments, and refuses.
macro_rules! absent {
    ($($module:ident $name:ident $feature:literal;)*) => {$(
        #[cfg(not(feature = $feature))]
        pub mod $module {
            //! Not built in.

            use std::ffi::OsString;

            use clap::Args;
            use tapetum::{Error, ErrorKind, Result};

            use crate::console::Console;

            /// Any arguments.
            #[derive(Debug, Args)]
            #[command(disable_help_flag = true)]
            pub struct $name {
                #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
                _arguments: Vec<OsString>,
            }

            /// Says how to get it.
            pub fn run(_: &$name, _: &Console) -> Result<()> {
                let message = concat!(
                    "this program was built without `tapetum ", stringify!($module), "`; build it with \
                     it by `cargo build --release --features ", $feature, "`"
                );
                Err(Error::new(ErrorKind::Input, message))
            }
        }
    )*};
}

absent! {
    remote Remote "remote";
    serve Serve "server";
    worker Worker "server";
    tenant Tenant "server";
    audit Audit "server";
    backup Backup "server";
    restore Restore "server";
}
