"""A paper for the tests of `undrift reproduce`: it measures what `NUMBERS` says, in no time."""

from collections.abc import Iterator

from undrift.common.reproduce.paper import Figure, Measured, Need, Paper, Table, Task

NUMBERS: dict[str, float] = {}
WEIGHTS = Need(
    kind="files", name="papers/toy.safetensors", what="the toy weights", how="ask the toy maker"
)


def describe(**changes: object) -> Paper:
    """The paper with changes to its fields."""
    published = Table(
        name="published",
        title="Toy numbers",
        source="a toy table",
        figures=[
            Figure(row="ours", column="1 call", value=2.0, tolerance=0.1),
            Figure(row="ours", column="5 calls", value=1.0, kind="at most"),
        ],
    )
    large = Table(
        name="large", title="Large toys", source="another toy table", needs=[WEIGHTS],
        figures=[Figure(row="ours", column="1 call", value=7.0)],
    )  # fmt: skip
    smoke = Table(
        name="smoke", title="Small toys", source="this test", when="smoke",
        figures=[
            Figure(row="training", column="steps", value=200, kind="at least"),
            Figure(row="training", column="loss falls by", value=3, kind="at least"),
        ],
    )  # fmt: skip
    fields = {
        "id": "toys", "title": "A Toy Paper", "domain": "common", "citation": "ddim",
        "claim": "toys are fast", "protocol": "look at them", "measure": f"{__name__}:measure",
        "trains": True, "tables": [published, large, smoke],
    }  # fmt: skip
    return Paper.model_validate({**fields, **changes})


def measure(task: Task) -> Iterator[Measured]:
    """What the tests put into NUMBERS under "table/row/column"."""
    task.say(f"measures {', '.join(task.tables)}")
    (task.folder / "scratch").write_text("may be thrown away")
    for place, value in NUMBERS.items():
        table, row, column = place.split("/")
        if table == "bug":
            raise ValueError("the toy broke")
        if table in task.tables or table == "nowhere":
            yield Measured(table, row, column, value, half=0.01)


PAPER = describe()
