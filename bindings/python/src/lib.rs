//! What the Python package `tapetum` calls: the roles of the library, with arrays in and out.
//!
//! `python/tapetum/` is what people see: estimators in scikit-learn's manner, docstrings, representations. It checks
//! arguments, and calls this. No secret key ever becomes a Python value: [`owner`] keeps it, or writes it to a file.

mod arrays;
mod encrypted;
mod encrypting;
mod error;
mod estimator;
mod features;
mod images;
mod network_owner;
mod networks;
mod owner;
mod passes;
mod plan;
mod remote;
mod server;
mod work;

#[pyo3::pymodule]
mod _tapetum {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::encrypted::{EncryptedData, EncryptedModel, EncryptedRows, EncryptedScores};
    #[pymodule_export]
    use crate::encrypting::{encrypt, encrypt_rows, names};
    #[pymodule_export]
    use crate::estimator::{ClearModel, default_settings};
    #[pymodule_export]
    use crate::features::{Whitening, extract};
    #[pymodule_export]
    use crate::images::{EncryptedImage, NetworkScores, NetworkServer};
    #[pymodule_export]
    use crate::network_owner::{NetworkContributor, NetworkOwner, NetworkPublicKey};
    #[pymodule_export]
    use crate::networks::{Network, NetworkKeys, NetworkPlan};
    #[pymodule_export]
    use crate::owner::{Contributor, EvaluationKeys, Owner, PublicKey};
    #[pymodule_export]
    use crate::passes::PassTraining;
    #[pymodule_export]
    use crate::remote::RemoteServer;
    #[pymodule_export]
    use crate::server::Server;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
