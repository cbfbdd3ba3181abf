"""`python -m pipeline STAGE` runs one stage with the configuration of `dvc repro`; `all` runs every one in order.

A command imports what it needs when it is called: an auditor who asks for one family does not wait for the engine of
all of them, nor `dvc repro` for what its stage does not use.
"""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from pipeline.errors import BadInput, MachineFault, fault

if TYPE_CHECKING:
    from pipeline.artifacts import Home

BAD_INPUT, MACHINE_FAULT = 2, 4
Spoken = Annotated[Literal["id", "en"], typer.Option(help="Indonesian or English.")]


class Commands(TyperGroup):
    """The commands below, and one for each stage, which are looked up only where no other has the name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, cmd_name) or staged().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*staged().list_commands(ctx), *super().list_commands(ctx)]


@dataclass(frozen=True)
class Given:
    """What the options before the command say."""

    root: Path
    configs: tuple[Path, ...]
    world: str | None

    def home(self) -> "Home":
        """Where things lie; BadInput for a world that is none."""
        from pipeline.artifacts import Home

        home = Home(self.root, self.configs, self.world)
        if self.world is not None:
            home.about(self.world)
        return home


app = typer.Typer(
    cls=Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
    help=(__doc__ or "").split("\n\n")[0],
)  # fmt: skip
audit = typer.Typer(
    no_args_is_help=True,
    help="The auditor's room: evidence of a run in one signed folder, and what proves it right or wrong.",
)
app.add_typer(audit, name="audit")


@app.callback()
def settings(
    context: typer.Context,
    configs: Annotated[
        Path | None, typer.Option(help="Folder whose YAML files take the place of those in configs/.")
    ] = None,
    home: Annotated[Path, typer.Option(help="Folder under which data/, models/ and mlflow.db are written.")] = Path(),
    world: Annotated[
        str | None, typer.Option(help="A world in place of the one that configs/simulate.yaml names.")
    ] = None,
) -> None:
    """From an extract to ranked, explained lists. A person decides; this never does."""
    if configs is not None and not configs.is_dir():
        raise BadInput(f"--configs {configs}: no such folder")
    base = Path("configs")
    given = Given(home, (configs, base) if configs else (base,), world)
    # Of the auditor's room some commands read a bundle alone: a home, with the engine behind it, only where asked for.
    context.obj = given if context.invoked_subcommand == "audit" else given.home()


def _alone(context: typer.Context, doing: str) -> AbstractContextManager[None]:
    """What writes in a home writes there alone."""
    from pipeline import artifacts

    return artifacts.alone(context.obj.root, doing)


def _command(group: typer.Typer, name: str) -> None:
    from pipeline import stages

    def command(context: typer.Context) -> None:
        with _alone(context, name):
            stages.run(name, context.obj)

    group.command(name, help=stages.STAGES[name].__doc__)(command)


def _lifecycle(
    context: typer.Context,
    kpm_id: Annotated[
        str | None, typer.Argument(help="A family: print its coming years and draw them. Without it, run the stage.")
    ] = None,
    language: Spoken = "id",
) -> None:
    from pipeline import stages

    if kpm_id is None:
        with _alone(context, "lifecycle"):
            stages.run("lifecycle", context.obj)
    else:
        typer.echo(stages.life(context.obj, kpm_id, language))


@cache
def staged() -> Any:
    """The group of all stages."""
    from pipeline import stages

    group = typer.Typer()
    for stage in stages.STAGES:
        if stage == "lifecycle":
            group.command(stage, help=stages.STAGES[stage].__doc__)(_lifecycle)
        else:
            _command(group, stage)
    return typer.main.get_command(group)


@app.command("all")
def everything(context: typer.Context) -> None:
    """Every stage in order, without DVC; the world is simulated only if it is what the source names."""
    from pipeline import stages

    with _alone(context, "all"):
        for name in stages.order(context.obj):
            stages.run(name, context.obj)


@app.command()
def national(context: typer.Context) -> None:
    """Score, explain and list everybody with a trained model, without DVC; goes on where it was interrupted."""
    from pipeline import route

    with _alone(context, "national"):
        route.run(context.obj)


@app.command()
def recover() -> None:
    """Put right what a killed `dvc repro` left of DVC's own record; `make run` begins with it."""
    from pipeline import recovery

    for line in recovery.recover(Path()):
        typer.echo(line)


@app.command()
def sql(
    context: typer.Context,
    feature: Annotated[str | None, typer.Argument(help="A feature's name; without it, all of them.")] = None,
) -> None:
    """Print the SQL of a feature, or of every feature, as of the extract's own date."""
    from pipeline import stages

    typer.echo(stages.sql(context.obj, feature))


def _families(values: object) -> str:
    families = values.get("families") if isinstance(values, dict) else None
    return f"{families:,}" if isinstance(families, int) else "?"


@app.command()
def worlds(context: typer.Context) -> None:
    """List the worlds that can be simulated: name, families ever enrolled, what each is for."""
    for name in context.obj.world_files():
        chosen = replace(context.obj, world=name)
        typer.echo(f"{name:<12}{_families(chosen.values('simulate')):>12}  {chosen.about(name).about}")


@app.command()
def where(context: typer.Context) -> None:
    """Say where the lists, the report and the MLflow pages are, and how to open them."""
    from pipeline import stages

    typer.echo(stages.where(context.obj))


@app.command()
def whatif(
    context: typer.Context,
    kpm_id: Annotated[str, typer.Argument(help="A scored family.")],
    change: Annotated[
        list[str], typer.Argument(help="feature=value, a number or `unknown`; several are changed at once.")
    ],
    language: Spoken = "id",
) -> None:
    """For auditors and data scientists: the model's score with other values. No advice, and no effect of anything."""
    from pipeline import inquiries

    typer.echo(inquiries.whatif(context.obj, kpm_id, change, language))


@app.command()
def differ(
    context: typer.Context,
    kpm_id: Annotated[str, typer.Argument(help="A scored family.")],
    other: Annotated[str, typer.Argument(help="The family it is compared with.")],
    language: Spoken = "id",
) -> None:
    """Why two families' scores differ, by concept and feature; the parts add up exactly."""
    from pipeline import inquiries

    typer.echo(inquiries.differ(context.obj, kpm_id, other, language))


@app.command()
def moved(
    context: typer.Context,
    kpm_id: Annotated[str, typer.Argument(help="A family that both runs scored.")],
    before: Annotated[Path, typer.Option(help="Folder with the earlier run's models/, data/scores/, data/features/.")],
    language: Spoken = "id",
) -> None:
    """Why a family's score and rank moved since an earlier run: data, model or cohort; the parts add up exactly."""
    from pipeline import inquiries

    typer.echo(inquiries.moved(context.obj, kpm_id, before, language))


@app.command()
def tune(context: typer.Context) -> None:
    """Search the settings of train on folds of time before the backtest's; goes on where it was interrupted."""
    from pipeline import stages

    typer.echo(stages.tune(context.obj))


@app.command()
def promote(context: typer.Context) -> None:
    """Make the registered challenger the champion."""
    from pipeline import stages

    typer.echo(stages.promote(context.obj))


EVIDENCE = Path("data/evidence")
Folder = Annotated[Path | None, typer.Option("--bundle", help="The bundle; without it, data/evidence of the home.")]
Key = Annotated[str | None, typer.Option(help="The key that must have signed: a PEM file or its fingerprint.")]


@audit.command("bundle")
def audit_bundle(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Folder to write; without it, data/evidence of the home.")] = None,
) -> None:
    """Write a finished run as one signed folder; it is verified before it takes its place."""
    from pipeline.audit import contents, papers

    home = context.obj.home()
    made = contents.bundle(home, out or home.path(str(EVIDENCE)))
    typer.echo(papers.bundled(made))


@audit.command("verify")
def audit_verify(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The bundle.")],
    key: Key = None,
    head: Annotated[Path | None, typer.Option(help="The .head.json of a bundle seen before.")] = None,
) -> None:
    """Work everything out again; exit status 2 with the first thing that is off, 0 where the bundle is whole."""
    from pipeline.audit import checks
    from pipeline.audit.folder import fingerprint, read_head
    from pipeline.audit.settings import Config

    for line in checks.verified(folder, fingerprint(key), read_head(head), context.obj.home().load(Config, "audit")):
        typer.echo(line)
    typer.echo("whole" if key else "whole, by the key that lies in it: give --key to know who signed")


@audit.command("replay")
def audit_replay(context: typer.Context, kpm_id: str, bundle: Folder = None, key: Key = None) -> None:
    """Build one family's features again from the stored snapshot, score and explain it: bit for bit, or status 2."""
    from pipeline.audit import replay
    from pipeline.audit.folder import fingerprint, opened

    snapshot = replay.Snapshot(opened(bundle or context.obj.root / EVIDENCE, fingerprint(key)))
    typer.echo(replay.told(replay.replay(snapshot, [kpm_id])[0]))


@audit.command("explain")
def audit_explain(
    context: typer.Context,
    kpm_id: str,
    language: Spoken = "id",
    bundle: Folder = None,
    key: Key = None,
) -> None:
    """Tell the whole story of one family in plain words, from the bundle; no name."""
    from pipeline.audit import replay, story
    from pipeline.audit.folder import fingerprint, opened

    snapshot = replay.Snapshot(opened(bundle or context.obj.root / EVIDENCE, fingerprint(key)))
    typer.echo(story.told(snapshot, kpm_id, language))


@audit.command("questions")
def audit_questions(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="Folder to write: a query and a CSV each.")],
    bundle: Folder = None,
    key: Key = None,
) -> None:
    """Answer what auditors of the state ask, from the bundle: one query and one CSV each. No name."""
    from pipeline.audit import contents, questions, replay
    from pipeline.audit.folder import fingerprint, opened

    snapshot = replay.Snapshot(opened(bundle or context.obj.root / EVIDENCE, fingerprint(key)))
    answers = questions.asked(snapshot)
    contents.answered(out, answers)
    typer.echo("\n".join(questions.line(a) for a in answers))


@audit.command("room")
def audit_room(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="Folder to write: pages in both languages, and every answer as CSV.")],
    bundle: Folder = None,
    key: Key = None,
) -> None:
    """Write the auditor's room as pages that open anywhere, from a bundle that is verified first. No name."""
    from pipeline.audit import contents
    from pipeline.audit.folder import fingerprint

    place = bundle or context.obj.root / EVIDENCE
    for line in contents.furnished(context.obj.home(), place, fingerprint(key), out):
        typer.echo(line)


def main() -> None:
    """Exit status 0 done, 2 bad input or configuration and 4 the machine's refusal, told in a few lines; 1 a bug."""
    if "DVC_STAGE" in os.environ:  # what a person started by hand may outlive the terminal
        from pipeline import machine

        machine.end_with_parent()
    try:
        app()
    except BadInput as error:
        _end(error, BAD_INPUT)
    except Exception as error:
        told = fault(error)
        if told is None:
            raise
        _end(told, MACHINE_FAULT)


def _end(error: BadInput | MachineFault, status: int) -> None:
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True)
    for line in str(error).splitlines():
        console.print(line, markup=False, highlight=False)
    raise SystemExit(status) from None


if __name__ == "__main__":
    main()
