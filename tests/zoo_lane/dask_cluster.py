"""Many models on a Dask cluster, here a local one; run in the zoo lane's environment, which has Dask.

PYTHONPATH=. ZOO/bin/python -m pytest -c /dev/null --rootdir . tests/zoo_lane/dask_cluster.py
"""

import os
from pathlib import Path

import distributed
import joblib
import onnx

from bnfold.many import fold_many, models_in
from tests.cli.conftest import small_net


def test_a_local_cluster_folds_a_zoo(tmp_path: Path) -> None:
    (tmp_path / "zoo").mkdir()
    for seed in range(4):
        onnx.save(small_net(seed), tmp_path / "zoo" / f"{seed}.onnx")
    (tmp_path / "zoo" / "bad.onnx").write_bytes(b"nothing")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        outcomes = fold_many(models_in([tmp_path / "zoo"]), tmp_path / "out", verify=False)
        workers = set(client.run(os.getpid).values())
    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 0, 0, 3]
    assert len(workers) == 2
    assert os.getpid() not in workers
    assert all((tmp_path / "out" / f"{seed}.onnx").exists() for seed in range(4))
