"""An app that uses everything the local host emulates; the tests look at what it answers and at GET /seen."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

ANONYMOUS = func.AuthLevel.ANONYMOUS
app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
seen: dict[str, list[Any]] = defaultdict(list)


def note(what: str, value: Any) -> None:
    """Keep `value`, for this process and in a file that outlives it."""
    seen[what].append(value)
    with Path(os.environ["NOTES"]).open("a") as file:
        file.write(json.dumps([what, value]) + "\n")


def as_json(value: Any, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), status_code=status, mimetype="application/json")


def describe(req: func.HttpRequest) -> dict[str, Any]:
    return {
        "method": req.method,
        "url": req.url,
        "query": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode(),
    }


# -- HTTP


@app.route(route="things/{id}", methods=["GET"], auth_level=ANONYMOUS)
async def a_thing(req: func.HttpRequest) -> func.HttpResponse:
    return as_json({"by": "a_thing", **describe(req)})


@app.route(route="things/literal", methods=["GET", "POST"], auth_level=ANONYMOUS)
async def b_literal(req: func.HttpRequest) -> func.HttpResponse:
    return as_json({"by": "b_literal", **describe(req)})


@app.route(route="numbers/{n:int}/{unit?}", methods=["GET"], auth_level=ANONYMOUS)
async def numbers(req: func.HttpRequest) -> func.HttpResponse:
    return as_json(describe(req))


@app.route(route="context", methods=["GET"], auth_level=ANONYMOUS)
def context_of(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    trace = context.trace_context
    return as_json(
        {
            "invocation": context.invocation_id,
            "local": context.thread_local_storage.invocation_id,
            "name": context.function_name,
            "parent": trace.trace_parent,
            "state": trace.trace_state,
        }
    )


@app.route(route="text", methods=["GET"], auth_level=ANONYMOUS)
async def plain_text(req: func.HttpRequest) -> str:
    return "just text"


@app.route(route="cookies", methods=["GET"], auth_level=ANONYMOUS)
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(status_code=204, headers={"x-both": "app"})
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; HttpOnly")
    return response


@app.route(route="fails", methods=["GET"], auth_level=ANONYMOUS)
async def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("a line\nand a forged one")


@app.route(route="locked", methods=["GET"])
async def locked(req: func.HttpRequest) -> func.HttpResponse:
    return as_json("open")


@app.route(route="locked-well", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
async def locked_well(req: func.HttpRequest) -> func.HttpResponse:
    return as_json("open")


@app.route(route="hang", methods=["GET"], auth_level=ANONYMOUS)
async def hang(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(60)
    return as_json("late")


@app.route(route="block", methods=["GET"], auth_level=ANONYMOUS)
async def block(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(0.3)  # noqa: ASYNC251  (the defect that the host reports)
    return as_json("blocked")


@app.route(route="seen", methods=["GET"], auth_level=ANONYMOUS)
async def what_was_seen(req: func.HttpRequest) -> func.HttpResponse:
    return as_json(seen)


@app.route(route="{*path}", auth_level=ANONYMOUS)
async def zz_fallback(req: func.HttpRequest) -> func.HttpResponse:
    return as_json({"by": "zz_fallback", **describe(req)}, 404)


# -- timers, messages


@app.timer_trigger(schedule="%TICK%", arg_name="timer")
async def tick(timer: func.TimerRequest) -> None:
    note("tick", [time.time(), timer.past_due])
    await asyncio.sleep(1.2)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer")
async def yearly(timer: func.TimerRequest) -> None:
    note("yearly", timer.past_due)


async def on_message(where: str, msg: func.ServiceBusMessage) -> None:
    """A message is "what tag": ok, once (fails the first time), poison, or a number of seconds to sleep."""
    text = msg.get_body().decode()
    what = text.split()[0]
    note(where, [text, msg.message_id, msg.delivery_count, msg.application_properties])
    if what == "poison" or (what == "once" and msg.delivery_count == 1):
        raise RuntimeError("refused")
    if what not in ("ok", "once"):
        await asyncio.sleep(float(what))
    note(f"{where} done", text)


@app.service_bus_queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="BUS")
async def on_queue(msg: func.ServiceBusMessage) -> None:
    await on_message("queue", msg)


@app.service_bus_topic_trigger(arg_name="msg", topic_name="happened", subscription_name="sample", connection="BUS")
async def on_topic(msg: func.ServiceBusMessage) -> None:
    await on_message("topic", msg)


# -- Durable


@app.route(route="start/{name}", methods=["POST"], auth_level=ANONYMOUS)
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    given = req.get_json() if req.get_body() else None
    key = await client.start_new(req.route_params["name"], instance_id=req.params.get("id"), client_input=given)
    return client.create_check_status_response(req, key)


@app.route(route="client/{operation}/{id}", methods=["POST"], auth_level=ANONYMOUS)
@app.durable_client_input(client_name="client")
async def through_the_client(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    key = req.route_params["id"]
    match req.route_params["operation"]:
        case "status":
            status = await client.get_status(key, show_history=True, show_input=True)
            return as_json(status.to_json() | {"history": status.historyEvents})
        case "raise":
            await client.raise_event(key, "go", req.get_json())
        case "terminate":
            await client.terminate(key, "told to")
        case "suspend":
            await client.suspend(key, "told to")
        case "resume":
            await client.resume(key, "told to")
        case "purge":
            return as_json((await client.purge_instance_history(key)).instances_deleted)
        case "list":
            return as_json([one.instance_id for one in await client.get_status_all()])
    return as_json(None)


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Any:
    retry = df.RetryOptions(first_retry_interval_in_milliseconds=20, max_number_of_attempts=3)
    given = context.get_input()
    numbers = yield context.task_all(
        [context.call_activity_with_retry("flaky", retry, [context.instance_id, n, given]) for n in range(4)]
    )
    context.set_custom_status("summing")
    total = yield context.call_sub_orchestrator("summing", numbers)
    return {"total": total, "guid": str(context.new_guid())}


@app.orchestration_trigger(context_name="context")
def summing(context: df.DurableOrchestrationContext) -> Any:
    result = yield context.call_activity("square", sum(context.get_input()))
    return {"sum": result, "parent": context.parent_instance_id}


@app.orchestration_trigger(context_name="context")
def race(context: df.DurableOrchestrationContext) -> Any:
    seconds = context.get_input()
    event = context.wait_for_external_event("go")
    deadline = context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))
    context.set_custom_status({"waits": seconds})
    winner = yield context.task_any([event, deadline])
    if winner == event:
        deadline.cancel()
        return {"event": event.result}
    return "deadline"


@app.orchestration_trigger(context_name="context")
def parent_of_race(context: df.DurableOrchestrationContext) -> Any:
    try:
        result = yield context.call_sub_orchestrator("race", context.get_input(), f"{context.instance_id}-sub")
    except Exception as error:
        return f"sub failed: {error}"
    yield context.call_activity("noted", context.instance_id)
    return result


@app.orchestration_trigger(context_name="context")
def counting(context: df.DurableOrchestrationContext) -> Any:
    count = context.get_input() or 0
    event = context.wait_for_external_event("go")
    pause = context.create_timer(context.current_utc_datetime + timedelta(seconds=0.6))
    if (yield context.task_any([event, pause])) == event:
        context.continue_as_new(count + 1)
        return None
    return count


@app.orchestration_trigger(context_name="context")
def slow_work(context: df.DurableOrchestrationContext) -> Any:
    yield context.call_activity("slow", context.instance_id)
    return "worked"


@app.orchestration_trigger(context_name="context")
def crowd(context: df.DurableOrchestrationContext) -> Any:
    yield context.task_all([context.call_activity("crowded", n) for n in range(12)])


@app.orchestration_trigger(context_name="context")
def failing(context: df.DurableOrchestrationContext) -> Any:
    context.set_custom_status("before")
    yield context.call_activity("bad", None)


@app.orchestration_trigger(context_name="context")
def signalling(context: df.DurableOrchestrationContext) -> Any:
    context.signal_entity(df.EntityId("counter", "one"), "add", 1)
    yield context.call_activity("square", 2)


@app.activity_trigger(input_name="given")
def flaky(given: list) -> int:  # type: ignore[type-arg]  (the worker refuses list[Any])
    key, number, failures = given
    seen[f"flaky {key} {number}"].append(time.time())
    if len(seen[f"flaky {key} {number}"]) <= failures:
        raise RuntimeError(f"attempt {len(seen[f'flaky {key} {number}'])}")
    return int(number)


@app.activity_trigger(input_name="number")
async def square(number: int) -> int:
    return number * number


@app.activity_trigger(input_name="number")
async def crowded(number: int) -> None:
    seen["crowded"].append(1)
    await asyncio.sleep(0.05)
    seen["crowded"].append(-1)


@app.activity_trigger(input_name="what")
async def noted(what: str) -> None:
    note("noted", what)


@app.activity_trigger(input_name="who")
async def slow(who: str) -> None:
    note("slow", who)
    await asyncio.sleep(2)
    note("slow done", who)


@app.activity_trigger(input_name="nothing")
async def bad(nothing: str) -> None:
    raise KeyError("nope")


async def close() -> None:
    note("closed", True)
