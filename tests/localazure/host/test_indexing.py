"""What the host reads of an app, and what it refuses at start-up with the function's name."""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from localazure.host.configuration import BadSetting, NotEmulated, read_host_json, timespan
from localazure.host.http import routes_of
from localazure.host.indexing import Function, index
from localazure.host.service_bus import check_connection


def module_with(app: Any) -> ModuleType:
    return SimpleNamespace(app=app)  # type: ignore[return-value]


def indexed(app: Any) -> list[Function]:
    return index(module_with(app), Path())


def test_functions_are_sorted_by_name_ignoring_case() -> None:
    app = func.FunctionApp()
    for name in ("b_two", "A_one", "Zz_last", "c_three"):
        app.function_name(name)(app.route(route=name)(request_only()))
    assert [one.name for one in indexed(app)] == ["A_one", "b_two", "c_three", "Zz_last"]


def test_settings_in_bindings_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERY", "*/5 * * * * *")
    app = func.FunctionApp()
    app.timer_trigger(arg_name="timer", schedule="%EVERY%")(with_timer())
    assert indexed(app)[0].trigger["schedule"] == "*/5 * * * * *"


def test_a_missing_setting_is_refused_with_function_and_setting() -> None:
    app = func.FunctionApp()
    app.service_bus_queue_trigger(arg_name="msg", queue_name="%NO_SUCH%", connection="BUS")(with_message())
    with pytest.raises(BadSetting, match=r"with_message.*NO_SUCH"):
        indexed(app)


@pytest.mark.parametrize(("setting", "fits"), [("BUS_X", True), ("BUS_X__fullyQualifiedNamespace", True), ("OTHER", False)])
def test_a_connection_must_name_a_setting(setting: str, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting, "a value")
    app = func.FunctionApp()
    app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="BUS_X")(with_message())
    function = indexed(app)[0]
    if fits:
        check_connection(function)
    else:
        with pytest.raises(BadSetting, match=r"with_message.*BUS_X"):
            check_connection(function)


def request_only() -> Callable[..., Any]:
    async def request_only(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    return request_only


def with_timer() -> Callable[..., Any]:
    async def with_timer(timer: func.TimerRequest) -> None: ...

    return with_timer


def with_message() -> Callable[..., Any]:
    async def with_message(msg: func.ServiceBusMessage) -> None: ...

    return with_message


def entity(app: df.DFApp) -> None:
    @app.entity_trigger(context_name="context")
    def refused(context: Any) -> None: ...


def blob(app: df.DFApp) -> None:
    @app.blob_trigger(arg_name="blob", path="x", connection="C")
    def refused(blob: func.InputStream) -> None: ...


def retry(app: df.DFApp) -> None:
    @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
    @app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:01")
    def refused(timer: func.TimerRequest) -> None: ...


def bus_output(app: df.DFApp) -> None:
    @app.route(route="x")
    @app.service_bus_queue_output(arg_name="out", queue_name="q", connection="C")
    def refused(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse: ...  # type: ignore[empty-body]


def admin_route(app: df.DFApp) -> None:
    @app.route(route="Administration/x")
    def refused(req: func.HttpRequest) -> func.HttpResponse: ...  # type: ignore[empty-body]


def runtime_route(app: df.DFApp) -> None:
    @app.route(route="/runtime/environments")
    def refused(req: func.HttpRequest) -> func.HttpResponse: ...  # type: ignore[empty-body]


def batches(app: df.DFApp) -> None:
    @app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="C", cardinality=func.Cardinality.MANY)
    def refused(msg: list[func.ServiceBusMessage]) -> None: ...


def sessions(app: df.DFApp) -> None:
    @app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="C", is_sessions_enabled=True)
    def refused(msg: func.ServiceBusMessage) -> None: ...


def other_hub(app: df.DFApp) -> None:
    @app.route(route="x")
    @app.durable_client_input(client_name="client", task_hub="Other")
    async def refused(req: func.HttpRequest, client: Any) -> func.HttpResponse: ...  # type: ignore[empty-body]


def constraint(app: df.DFApp) -> None:
    @app.route(route="x/{id:regex(^a$)}")
    def refused(req: func.HttpRequest) -> func.HttpResponse: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    "declare",
    [entity, blob, retry, bus_output, admin_route, runtime_route, batches, sessions, other_hub, constraint],
    ids=lambda declare: declare.__name__,
)
def test_what_is_not_emulated_is_refused_with_the_functions_name(declare: Callable[[df.DFApp], None]) -> None:
    app = df.DFApp()
    declare(app)
    with pytest.raises(NotEmulated, match="refused"):
        routes_of(indexed(app), "")


def unpaired(app: df.DFApp) -> None:
    @app.route(route="x")
    def refused(req: func.HttpRequest, other: str) -> func.HttpResponse: ...  # type: ignore[empty-body]


def subscripted(app: df.DFApp) -> None:
    @app.activity_trigger(input_name="given")
    def refused(given: dict[str, Any]) -> None: ...


def union(app: df.DFApp) -> None:
    @app.activity_trigger(input_name="given")
    def refused(given: str | None) -> None: ...


def wrong_class(app: df.DFApp) -> None:
    @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
    def refused(timer: func.HttpRequest) -> None: ...


def wrong_return(app: df.DFApp) -> None:
    @app.route(route="x")
    def refused(req: func.HttpRequest) -> dict: ...  # type: ignore[empty-body,type-arg]


def wrong_context(app: df.DFApp) -> None:
    @app.route(route="x")
    def refused(req: func.HttpRequest, context: int) -> func.HttpResponse: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    "declare",
    [unpaired, subscripted, union, wrong_class, wrong_return, wrong_context],
    ids=lambda declare: declare.__name__,
)
def test_what_azures_worker_refuses_is_refused(declare: Callable[[df.DFApp], None]) -> None:
    app = df.DFApp()
    declare(app)
    with pytest.raises(ValueError, match="refused"):
        indexed(app)


def test_generics_of_typing_pass_as_they_do_in_the_worker() -> None:
    app = df.DFApp()

    @app.activity_trigger(input_name="given")
    def taken(given: typing.List[int]) -> typing.Optional[int]: ...  # noqa: UP006, UP045

    assert [one.returns for one in indexed(app)] == ["activityTrigger"]


@pytest.mark.parametrize("apps", [(), (func.FunctionApp(), func.FunctionApp())], ids=["none", "two"])
def test_a_module_holds_exactly_one_app(apps: tuple[Any, ...]) -> None:
    module = SimpleNamespace(**{f"app{number}": app for number, app in enumerate(apps)})
    with pytest.raises(ValueError, match="exactly one"):
        index(module, Path())  # type: ignore[arg-type]


def test_host_json_without_a_word_has_azures_defaults(tmp_path: Path) -> None:
    defaults = read_host_json(tmp_path)
    assert (defaults.route_prefix, defaults.max_concurrent_calls, defaults.function_timeout) == ("api", 16, 1800)


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:10:00", 600), ("1.02:03:04", 93784), ("00:00:01.5", 1.5), ("00:05:00", 300)]
)
def test_time_spans(text: str, seconds: float) -> None:
    assert timespan(text) == seconds


def test_host_json_that_cannot_be_honoured_is_refused(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"extensions": {"serviceBus": {"autoCompleteMessages": false}}}')
    with pytest.raises(NotEmulated, match="autoCompleteMessages"):
        read_host_json(tmp_path)
