"""Run by an interpreter that has the clients: ask a server with one of them, unmodified, and print what it understood.

Reads JSON from standard input: ``server`` (host and port), ``base`` (path), ``token``, ``model``, ``rows``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


def triton(
    server: str, base: str, token: str | None, model: str, rows: list[dict[str, Any]]
) -> Any:
    import numpy as np
    import tritonclient.http as http

    client = http.InferenceServerClient(server + base)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    metadata = client.get_model_metadata(model, headers=headers)
    dtypes = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}
    answers = []
    for is_binary in (True, False):
        inputs = []
        for one in metadata["inputs"]:
            values = [row[one["name"]] for row in rows]
            if one["datatype"] == "BYTES":
                values = [value or "" for value in values]
            array: Any = np.array(values, dtype=dtypes[one["datatype"]])
            tensor = http.InferInput(one["name"], [len(rows)], one["datatype"])
            tensor.set_data_from_numpy(array, binary_data=is_binary)
            inputs.append(tensor)
        outputs = [
            http.InferRequestedOutput(name, binary_data=is_binary)
            for name in ("predict", "predict_proba", "prediction_id")
        ]
        result = client.infer(
            model, inputs, outputs=outputs, request_id="r-7", headers=dict(headers)
        )
        assert result.get_response()["id"] == "r-7"
        labels = result.as_numpy("predict")
        answers.append(
            {
                "labels": [x.decode() if isinstance(x, bytes) else x for x in labels.tolist()],
                "shares": result.as_numpy("predict_proba").tolist(),
                "ids": len(set(result.as_numpy("prediction_id").tolist())),
            }
        )
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model, headers=headers),
        "extensions": client.get_server_metadata()["extensions"],
        "index": client.get_model_repository_index(headers=headers),
        "count": client.get_inference_statistics(model, headers=headers)["model_stats"][0][
            "inference_count"
        ],
        "platform": client.get_model_config(model, headers=headers)["platform"],
        "answers": answers,
    }


def kserve(
    server: str, base: str, token: str | None, model: str, rows: list[dict[str, Any]]
) -> Any:
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    url = f"http://{server}{base}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def ask() -> Any:
        one = InferenceRESTClient(RESTConfig(protocol="v1"))
        two = InferenceRESTClient(RESTConfig(protocol="v2"))
        types = {bool: "BOOL", int: "INT64", float: "FP64"}
        inputs = [
            InferInput(
                name,
                [len(rows)],
                types.get(type(rows[0][name]), "BYTES"),
                data=[row[name] for row in rows],
            )
            for name in rows[0]
        ]
        answer = await two.infer(url, InferRequest(model, inputs), model, dict(headers))
        first = await one.infer(url, {"instances": rows}, model, headers)
        return {
            "v1": first["predictions"],
            "v2": answer.outputs[0].data,
            "live": [await one.is_server_live(url + "/"), await two.is_server_live(url)],
            "ready": [
                await two.is_server_ready(url),
                await one.is_model_ready(url, model, headers),
                await two.is_model_ready(url, model, headers),
            ],
        }

    return asyncio.run(ask())


def kserve_explains(
    server: str, base: str, token: str | None, model: str, rows: list[dict[str, Any]]
) -> Any:
    from kserve import InferenceRESTClient, RESTConfig

    url = f"http://{server}{base}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def ask() -> Any:
        client = InferenceRESTClient(RESTConfig(protocol="v1"))
        return await client.explain(url, model, {"instances": rows}, headers)

    return asyncio.run(ask())


def mlflow(
    server: str, base: str, token: str | None, model: str, rows: list[dict[str, Any]]
) -> Any:
    import pandas as pd
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, port = server.split(":")
    client = ScoringServerClient(host, port)
    client.wait_server_ready(timeout=10)
    frame = pd.DataFrame(rows)
    answer = client.invoke(frame.astype(object).where(frame.notna(), None))
    shares = client.invoke(
        frame.astype(object).where(frame.notna(), None), params={"predict_method": "predict_proba"}
    )
    return {
        "version": client.get_version(),
        "labels": answer.get_predictions()[0].tolist(),
        "shares": shares.get_predictions().to_numpy().tolist(),
    }


if __name__ == "__main__":
    found = {
        "triton": triton,
        "kserve": kserve,
        "kserve explains": kserve_explains,
        "mlflow": mlflow,
    }[sys.argv[1]](**json.load(sys.stdin))
    print(json.dumps(found))
