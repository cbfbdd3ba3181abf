"""The model that scores, trained by LightGBM's Dask interface beside the one machine's.

`python -m benchmarks.dask --home DIR`, DIR being where the whole pipeline has run; needs the packages of
requirements-dask.in. Same rows, draws, weights, levels and parameters, spread over the worker processes of a local
cluster. All are held against the latest matured families, which none of them saw; a third model, of one machine and
five other seeds, tells how far apart two fits are by the luck of the draw.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import dask.array as da
import lightgbm as lgb
import numpy as np
import typer
from distributed import Client, LocalCluster
from lightgbm.dask import DaskLGBMClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline import backtest, ensemble, stages, train
from pipeline.artifacts import Home
from pipeline.sample import Floats, Rows, used

PROJECT = Path(__file__).resolve().parents[1]
SKLEARNS = {
    "min_data_in_leaf": "min_child_samples", "feature_fraction": "colsample_bytree", "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq", "lambda_l2": "reg_lambda", "num_threads": "n_jobs",
}  # fmt: skip


@contextmanager
def cluster(workers: int) -> Iterator[Client]:
    """Processes of one thread each: LightGBM's workers talk to each other over sockets of this machine."""
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local,
        Client(local) as client,
    ):
        yield client


def fit(rows: Rows, config: train.Config, signs: dict[str, int], client: Client, workers: int) -> lgb.Booster:
    """As `train.fit`, each member over the workers; its features are named by their numbers."""
    columns = used(rows.x)
    x, share = rows.x[columns].to_numpy(dtype=np.float64, na_value=np.nan), train.drawn_share(rows.label, config)
    level, weight = train.levels(rows, config), train.weights(rows.as_of, config.half_life_months)
    given = train.constraints(columns, signs, config)
    members = []
    for k in range(config.seeds):
        kept, factor = train.drawn(rows.label, config.seed + k, share)
        told = {SKLEARNS.get(n, n): v for n, v in train.parameters(len(kept), config).items()} | given
        part = -(-len(kept) // workers)
        spread = [da.from_array(v, part) for v in (rows.label[kept], weight[kept] * factor, level[kept])]
        model: Any = DaskLGBMClassifier(client=client, n_estimators=config.trees, random_state=config.seed + k, **told)
        model.fit(da.from_array(x[kept], (part, -1)), spread[0], sample_weight=spread[1], init_score=spread[2])
        members.append(model.booster_)
    return ensemble.merge(members, float(level[train.latest(rows.as_of)]))


def timed(work: Callable[[], lgb.Booster], x: Floats) -> tuple[Floats, float]:
    """Raw scores by the booster that `work` trains, and the seconds that training took."""
    start = time.perf_counter()
    booster = work()
    took = time.perf_counter() - start
    return np.asarray(booster.predict(x, raw_score=True), dtype=np.float64), took


def line(name: str, seconds: float, scores: Floats, label: Floats) -> str:
    auc, precision = roc_auc_score(label, scores), average_precision_score(label, scores)
    return f"{name:24} {seconds:7.1f} s   AUC {auc:.4f}   average precision {precision:.4f}"


def main(
    home: Annotated[Path, typer.Option(help="Folder in which the whole pipeline has run.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes of the local cluster.")] = 2,
) -> None:
    study = Home(home, (PROJECT / "configs",))
    fold, config, signs = stages.final_fold(study), study.load(train.Config, "train"), stages.signs(study)
    learn, later = (
        backtest.rows(stages.loader(study)(as_ofs), stages.scored(study), name)
        for as_ofs, name in ((fold.train_as_ofs, "training"), (fold.calibrate_as_ofs, "later"))
    )
    x = later.x[used(learn.x)].to_numpy(dtype=np.float64, na_value=np.nan)
    typer.echo(f"{len(learn.label)} rows to learn from, {x.shape[1]} features; {len(x)} later rows")
    moved = config.model_copy(update={"seed": config.seed + config.seeds})
    with cluster(workers) as client:
        made = {
            "one machine": lambda: train.fit(learn, config, signs),
            "one machine, other seeds": lambda: train.fit(learn, moved, signs),
            f"Dask, {workers} workers": lambda: fit(learn, config, signs, client, workers),
        }
        found = {name: timed(work, x) for name, work in made.items()}
    first, _ = found["one machine"]
    for name, (scores, seconds) in found.items():
        typer.echo(line(name, seconds, scores, later.label) + f"   correlation {np.corrcoef(first, scores)[0, 1]:.4f}")


if __name__ == "__main__":
    typer.run(main)
