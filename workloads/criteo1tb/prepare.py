"""Prepare the mini scale: late flights from New York in 2013, split by day."""

from __future__ import annotations

import collections
import csv
import datetime
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit.data import Preparation

LATE_MINUTES = 15  # on arrival; a flight is late if it comes later than that
DAYS = {"train": 255, "validation": 55, "test": 55}
EVAL_TRAIN_EXAMPLES = 20_000
SPLIT_SEED = 0
PRESSURE_FLOOR = 980.0  # hPa, below every value, so that a logarithm still tells them apart
MISSING = "NA"

WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "visib")
FLIGHT_CATEGORIES = ("carrier", "flight", "tailnum", "origin", "dest")
PLANE_CATEGORIES = ("manufacturer", "model", "engine")
CATEGORIES = ("month", "weekday", "hour", *FLIGHT_CATEGORIES, *PLANE_CATEGORIES)
Row = Mapping[str, str]


@dataclass(frozen=True)
class Tables:
    """What is known of planes, by tail number, and of the weather, by airport and hour."""

    planes: Mapping[str, Row]
    weather: Mapping[tuple[str, str], Row]
    departures: Mapping[tuple[str, str], int]  # planned, from an airport in an hour


def prepare(preparation: Preparation) -> None:
    """Write the features and label of every flight that arrived.

    `numbers` `(examples, 16)` float32 and `targets` `(examples,)` float32; categories as `codes`
    `(examples, 11)` int32, indices into `vocabulary`, whose entries belong to `columns`.
    """
    flights, tables = _read(preparation.originals)
    arrived = [flight for flight in flights if flight["arr_delay"] != MISSING]
    numbers = np.array([_numbers(flight, tables) for flight in arrived], np.float32)
    categories = [_categories(flight, tables) for flight in arrived]
    late = np.array([float(flight["arr_delay"]) > LATE_MINUTES for flight in arrived])
    for split, chosen in _splits([_day(flight) for flight in arrived]).items():
        preparation.save(
            split,
            numbers=numbers[chosen],
            targets=late[chosen].astype(np.float32),
            **encode([categories[index] for index in chosen]),
        )


def encode(rows: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    """Replace strings by indices into a list of those that occur, column after column, sorted."""
    codes, vocabulary, columns = [], [], []
    for column, strings in enumerate(zip(*rows, strict=True)):
        found = sorted(set(strings))
        index = {string: len(vocabulary) + i for i, string in enumerate(found)}
        codes.append(np.array([index[string] for string in strings], np.int32))
        vocabulary += found
        columns += [column] * len(found)
    return {
        "codes": np.stack(codes, axis=1),
        "vocabulary": np.array(vocabulary, np.bytes_),
        "columns": np.array(columns, np.int32),
    }


def _splits(days: list[int]) -> dict[str, np.ndarray]:
    """Return which flights belong to a split: none shares a day with another's.

    Delays of one day have one cause. Only `eval_train` is part of `train`. The draw is from
    `RandomState`, whose stream is frozen (NumPy NEP 19).
    """
    draw = np.random.RandomState(SPLIT_SEED)
    order = draw.permutation(np.unique(days))
    ends = np.cumsum(list(DAYS.values()))
    parts = {
        split: np.flatnonzero(np.isin(days, part))
        for split, part in zip(DAYS, np.split(order, ends)[:-1], strict=True)
    }
    shown = np.sort(draw.permutation(parts["train"])[:EVAL_TRAIN_EXAMPLES])
    return {**parts, "eval_train": shown}


def _read(originals: Mapping[str, Path]) -> tuple[list[Row], Tables]:
    with zipfile.ZipFile(originals["flights.csv.zip"]) as archive:
        text = archive.read("flights.csv").decode("ascii")
    flights: list[Row] = list(csv.DictReader(io.StringIO(text)))
    return flights, Tables(
        planes={row["tailnum"]: row for row in _rows(originals["planes.csv"])},
        weather={_place(row): row for row in _rows(originals["weather.csv"])},
        departures=collections.Counter(map(_place, flights)),
    )


def _rows(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="ascii") as stream:
        yield from csv.DictReader(stream)


def _place(row: Row) -> tuple[str, str]:
    return row["origin"], row["time_hour"]


def _day(flight: Row) -> int:
    return _date(flight).timetuple().tm_yday


def _date(flight: Row) -> datetime.date:
    return datetime.date(int(flight["year"]), int(flight["month"]), int(flight["day"]))


def _numbers(flight: Row, tables: Tables) -> list[float]:
    """Return what is known before departure, 0 where it is not.

    Departure and arrival times, delays and the time in the air are known later: left out.
    """
    plane = tables.planes.get(flight["tailnum"], {})
    weather = tables.weather.get(_place(flight), {})
    built = _number(plane, "year")
    pressure = _number(weather, "pressure")
    return [
        _minutes(flight["sched_dep_time"]),
        _minutes(flight["sched_arr_time"]),
        _number(flight, "distance"),
        tables.departures[_place(flight)],
        int(flight["year"]) - built if built else 0.0,
        _number(plane, "seats"),
        _number(plane, "engines"),
        round(100 * _number(weather, "precip")),
        pressure - PRESSURE_FLOOR if pressure else 0.0,
        *(_number(weather, name) for name in WEATHER),
    ]


def _number(row: Row, name: str) -> float:
    value = row.get(name, MISSING)
    return 0.0 if value == MISSING else float(value)


def _minutes(clock: str) -> int:
    """Return minutes since midnight of "1905"."""
    return 60 * (int(clock) // 100) + int(clock) % 100


def _categories(flight: Row, tables: Tables) -> list[str]:
    """Return strings, empty where one is not known, in the order of `CATEGORIES`."""
    plane = tables.planes.get(flight["tailnum"], {})
    strings = [
        *(flight["month"], str(_date(flight).isoweekday()), flight["hour"]),
        *(flight[name] for name in FLIGHT_CATEGORIES),
        *(plane.get(name, MISSING) for name in PLANE_CATEGORIES),
    ]
    return ["" if string == MISSING else string for string in strings]
