"""Our own traffic as a source of rows: what was asked, what really happened, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
from django.conf import settings as site

from core.clock import now
from datasets.errors import SourceMissing, SourceNotAllowed
from datasets.schema import Schema
from datasets.sources import Fetched, FetchedFile, SettingField, SourceRequest
from models_registry.models import ModelVersion
from models_registry.selectors import champion_of
from models_registry.signatures import Signature
from monitoring.errors import TrafficUnusable
from monitoring.labelled_rows import UnusableRowsError, labelled_table
from monitoring.selectors import joined_with_predictions, labels_in_order_of_arrival
from serving.models import Endpoint

PREDICTED_AT = "predicted_at"
ARRIVED_AT = "label_received_at"
#: Labels that are joined at a time; a run that reads what is new beyond a watermark leaves the rest for the next.
MAX_LABELS = 200_000
#: A label whose prediction has not reached the lake by then will wait no longer.
_LOST_AFTER = timedelta(days=1)


class Traffic:
    """Labelled predictions of an endpoint: features, target, and when each came.

    The target has the name that it has in the champion's training data. Labels are read in the order in
    which they arrived, up to the first whose prediction is not in the lake yet, so that a watermark on
    their arrival loses none.
    """

    label = "Our own traffic"
    fields = (
        SettingField(
            "endpoint",
            "Endpoint",
            f"Name of an endpoint of this project. To append what is new, use the watermark column "
            f"{ARRIVED_AT}.",
            is_required=True,
        ),
    )

    def check(
        self, *, project_id: int, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        _endpoint(project_id, settings)

    def address(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
        return address_of(settings["endpoint"])

    def fetch(self, request: SourceRequest) -> Fetched:
        import pyarrow.parquet as pq

        endpoint = _endpoint(request.project_id, request.settings)
        is_beyond = request.watermark_column == ARRIVED_AT and request.after is not None
        after = request.after.python if is_beyond and request.after is not None else None
        assert after is None or isinstance(after, datetime)
        files: list[FetchedFile] = []
        for rows in _settled_rows(endpoint, after=after, most=request.first_rows or MAX_LABELS):
            request.progress(0.5, "joining labels and predictions")
            if rows.empty:
                continue
            name = f"traffic-{len(files) + 1}.parquet"
            pq.write_table(_table(endpoint, rows), request.scratch / name)
            files.append(FetchedFile(request.scratch / name, name))
            if is_beyond or request.first_rows is not None:
                break
        return Fetched(
            address=self.address(request.settings, request.secrets),
            files=tuple(files),
        )


def address_of(endpoint: str) -> str:
    """Return how versions say that their rows are the traffic of an endpoint of this name."""
    return f"endpoint {endpoint}"


def _endpoint(project_id: int, settings: Mapping[str, str]) -> Endpoint:
    endpoint = (
        Endpoint.objects.select_related("model")
        .filter(project_id=project_id, name=settings["endpoint"])
        .first()
    )
    if endpoint is None:
        raise SourceMissing("There is no such endpoint.", field="settings.endpoint")
    return endpoint


def _settled_rows(
    endpoint: Endpoint, *, after: datetime | None, most: int
) -> Iterator[pd.DataFrame]:
    """Yield the labelled rows that can be read for good, in the order in which the labels arrived, piece by piece.

    A piece has at most ``most`` labels, or all that arrived at one moment, if these are more. It is empty when
    the predictions of all its labels are lost.
    """
    moment = now()
    while True:
        labels = labels_in_order_of_arrival(
            endpoint=endpoint,
            after=after,
            until=moment - timedelta(seconds=site.SOURCE_TRAFFIC_SETTLE_SECONDS),
            most=most + 1,
        )
        is_cut = len(labels) > most
        if is_cut:
            first, last = labels["received_at"].iloc[0], labels["received_at"].iloc[-1]
            if first < last:
                labels = _before(labels, last)
            else:
                # Nobody could go on in the middle of a moment: however many came then are read together.
                labels = labels_in_order_of_arrival(
                    endpoint=endpoint, after=after, until=last.to_pydatetime()
                )
        rows = joined_with_predictions(endpoint=endpoint, labels=labels)
        missing = labels[
            ~labels["prediction_id"].isin(rows["prediction_id"])
            & (labels["received_at"] > moment - _LOST_AFTER)
        ]
        if not missing.empty:
            yield _before(rows, missing["received_at"].min())
            return
        yield rows
        if not is_cut:
            return
        after = labels["received_at"].iloc[-1].to_pydatetime()


def _before(rows: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    """Return the rows that arrived before a moment; those of that very moment wait together."""
    return rows[rows["received_at"] < moment]


def _table(endpoint: Endpoint, rows: pd.DataFrame) -> pa.Table:
    champion: ModelVersion | None = champion_of(endpoint.model)
    if champion is None or champion.dataset_version is None or not champion.spec:
        raise TrafficUnusable(
            "The endpoint has no champion that was trained here; it says what the columns are."
        )
    if not champion.spec["target"]:
        raise TrafficUnusable(f"{champion} was trained without a target that labels could be of.")
    features = Signature.from_dict(champion.signature).names
    taken = {PREDICTED_AT, ARRIVED_AT} & {*features, champion.spec["target"]}
    if taken:
        raise SourceNotAllowed(f"The model has a column named {taken.pop()!r} of its own.")
    schema = Schema.from_dict(champion.dataset_version.schema).to_arrow()
    try:
        table = labelled_table(
            rows, schema=schema, features=features, target=str(champion.spec["target"])
        )
    except UnusableRowsError as error:
        raise TrafficUnusable(str(error)) from error
    kind = pa.timestamp("us", "UTC")
    for name, values in ((PREDICTED_AT, rows["at"]), (ARRIVED_AT, rows["received_at"])):
        table = table.append_column(name, pa.array(values, kind))
    return table
