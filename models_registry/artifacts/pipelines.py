"""Writing and reading pipelines as skops files.

A skops file lists the types that it wants to make. Only scikit-learn's harmless ones and the few below are
made; the list is the server's and never the one that the file declares.

skops looks at all of scikit-learn when it is imported, which takes a second: it is imported where it is used.
"""

from __future__ import annotations

import zipfile

from sklearn.pipeline import Pipeline

from core.errors import Invalid, Unsupported

#: What the estimators of the catalogue need beyond the types that skops trusts by itself.
TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    # One text of JSON: steps of a fixed list and their numbers, each looked at when it is read.
    "datasets.recipes.recipe.RecipeTransformer",
)

_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_MAGICS = (b"\x80", b"\x1f\x8b", b"x\x9c", b"BZh", b"\xfd7zXZ")


class UntrustedArtifact(Invalid):
    """The file wants to make objects of types that are not allowed."""

    code = "untrusted_artifact"
    title = "The model file asks for types that are not trusted"


class ArtifactUnreadable(Unsupported):
    """The file is not a skops file."""

    code = "artifact_unreadable"
    title = "The model file cannot be read"


def dump_pipeline(pipeline: Pipeline) -> bytes:
    """Return a fitted pipeline as a skops file (compressed)."""
    import skops.io

    data: bytes = skops.io.dumps(pipeline, compression=zipfile.ZIP_DEFLATED)
    return data


def load_pipeline(data: bytes) -> Pipeline:
    """Return the pipeline of a skops file.

    Raises
    ------
    UntrustedArtifact
        The file holds a type that is not on the server's list, or no pipeline.
    ArtifactUnreadable
        The file is damaged, or is a pickle (which is never opened).
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    if data.startswith(_PICKLE_MAGICS):
        raise ArtifactUnreadable("Pickle and joblib files are never opened; send a skops file.")
    if not data.startswith(_ZIP_MAGIC):
        raise ArtifactUnreadable("This is not a skops file.")
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED_TYPES))
        pipeline = None if unknown else skops.io.loads(data, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise UntrustedArtifact(str(error)) from None
    except Exception as error:  # a damaged file trips zipfile, zlib, json or skops anywhere
        raise ArtifactUnreadable("The model file is damaged.") from error
    if unknown:
        raise UntrustedArtifact(f"The file asks for {', '.join(unknown[:5])}.", types=unknown)
    if not isinstance(pipeline, Pipeline):
        raise UntrustedArtifact("The file does not hold a scikit-learn pipeline.")
    return pipeline
