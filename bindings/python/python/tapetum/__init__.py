"""Train classifiers on encrypted data, classify encrypted data, in scikit-learn's manner.

>>> import numpy as np, tapetum as tp
>>> rng = np.random.default_rng(0)
>>> y = rng.integers(0, 2, 100)
>>> X = rng.normal(size=(100, 4)) + y[:, None]
>>> model = tp.LinearMeans()                           # in the clear: a classifier as scikit-learn has them
>>> model.fit(X, y).score(X, y) > 0.7
True
>>> owner = tp.Owner.generate(model, X, y)             # plans, checks ranges, makes keys
>>> server = tp.Server(owner.evaluation_keys)          # holds no secret key
>>> fitted = server.fit(owner.encrypt(X, y))           # an encrypted model
>>> scores = server.decision_function(fitted, owner.encrypt(X))
>>> bool(np.mean(owner.predict(scores) == model.predict(X)) > 0.95)
True
"""

from . import errors, features
from ._tapetum import __version__
from .encrypted import EncryptedData, EncryptedModel, EncryptedRows, EncryptedScores, EvaluationKeys, PublicKey
from .errors import (
    ComputationError,
    DataWarning,
    Error,
    FileError,
    InputError,
    KeyMismatch,
    LevelExhausted,
    NotFittedError,
    ParametersError,
    RangeError,
    RangeWarning,
    RoleError,
    ServerUnreachable,
)
from .estimators import FisherDiscriminant, LinearMeans, LogisticRegression, OneVsRestLogistic, Ridge
from .network_roles import NetworkContributor, NetworkOwner, NetworkServer
from .networks import EncryptedImages, Network, NetworkKeys, NetworkPlan, NetworkPublicKey, NetworkScores
from .plain_model import PlainModel
from .remote import RemoteModel, RemoteNetworkServer, RemoteServer
from .roles import Contributor, Owner
from .server import Server

__all__ = [
    "ComputationError",
    "Contributor",
    "DataWarning",
    "EncryptedData",
    "EncryptedImages",
    "EncryptedModel",
    "EncryptedRows",
    "EncryptedScores",
    "Error",
    "EvaluationKeys",
    "FileError",
    "FisherDiscriminant",
    "InputError",
    "KeyMismatch",
    "LevelExhausted",
    "LinearMeans",
    "LogisticRegression",
    "Network",
    "NetworkContributor",
    "NetworkKeys",
    "NetworkOwner",
    "NetworkPlan",
    "NetworkPublicKey",
    "NetworkScores",
    "NetworkServer",
    "NotFittedError",
    "OneVsRestLogistic",
    "Owner",
    "ParametersError",
    "PlainModel",
    "PublicKey",
    "RangeError",
    "RangeWarning",
    "RemoteModel",
    "RemoteNetworkServer",
    "RemoteServer",
    "Ridge",
    "RoleError",
    "Server",
    "ServerUnreachable",
    "__version__",
    "errors",
    "features",
]


def __getattr__(name):
    # Ray is large, and imported only when asked for.
    if name == "ray":
        import importlib

        return importlib.import_module(".ray", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
