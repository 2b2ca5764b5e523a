"""Filters of subscriptions: what reaches whom, with the real client's messages; and the SQL they are written in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.management import CorrelationRuleFilter

from localazure.service_bus import (
    Broker,
    CorrelationFilter,
    Entities,
    SqlFilter,
    Subscription,
    TopicSpec,
    connection_string,
)
from localazure.service_bus.encoding import described
from localazure.service_bus.message import APPLICATION_PROPERTIES, PROPERTIES, Message
from tests.localazure.service_bus.conftest import HostedBroker

FILTERS = {
    "everything": (),
    "tenant": (SqlFilter("[cs-tenant-id] = 'connectsoft'"),),
    "kinds": (SqlFilter("sys.Label IN ('Completed', 'RolledBack')"),),
    "correlated": (CorrelationFilter(label="Completed", properties={"cs-tenant-id": "connectsoft"}),),
    "either": (CorrelationFilter(label="RolledBack"), SqlFilter("[cs-tenant-id] LIKE 'other%' AND attempt > 1")),
    "nobody": (SqlFilter("1 = 0"),),
}
SENT = [
    ("1", "Completed", {"cs-tenant-id": "connectsoft", "attempt": 1}),
    ("2", "RolledBack", {"cs-tenant-id": "connectsoft"}),
    ("3", "Completed", {"cs-tenant-id": "other", "attempt": 1}),
    ("4", "Requested", {"cs-tenant-id": "others", "attempt": 2}),
]
REACHED = {
    "everything": ["1", "2", "3", "4"],
    "tenant": ["1", "2"],
    "kinds": ["1", "2", "3"],
    "correlated": ["1"],
    "either": ["2", "4"],
    "nobody": [],
}


@pytest.fixture(scope="module")
def client() -> Iterator[ServiceBusClient]:
    subscriptions = tuple(Subscription(name, filters=filters) for name, filters in FILTERS.items())
    host = HostedBroker(Broker(None, 0, Entities(topics=(TopicSpec("events", subscriptions, duplicate_window=60),))))
    with ServiceBusClient.from_connection_string(connection_string(host.broker.port), retry_total=0) as client:
        with client.get_topic_sender("events") as sender:
            for ident, subject, properties in [*SENT, *SENT[:1]]:  # one of them twice: the topic drops it
                sender.send_messages(
                    ServiceBusMessage(b"{}", message_id=ident, subject=subject, application_properties=properties)
                )
        yield client
    host.close()


@pytest.mark.parametrize("name", FILTERS)
def test_a_subscription_gets_what_its_filters_let_through(client: ServiceBusClient, name: str) -> None:
    with client.get_subscription_receiver("events", name) as receiver:
        got = receiver.receive_messages(10, max_wait_time=5 if REACHED[name] else 0.3)
        while len(got) < len(REACHED[name]):
            got += receiver.receive_messages(10, max_wait_time=5)
        assert [message.message_id for message in got] == REACHED[name]
        assert receiver.receive_messages(1, max_wait_time=0.2) == []


def test_a_correlation_filter_has_the_fields_of_the_clients() -> None:
    theirs = set(vars(CorrelationRuleFilter()))
    assert set(CorrelationFilter.__dataclass_fields__) == theirs


def message(subject: str = "Completed", **properties: object) -> Message:
    standard = ["id-1", None, "there", subject, None, "corr-1", "application/json"]
    return Message(described(PROPERTIES, standard) + described(APPLICATION_PROPERTIES, properties))


@pytest.mark.parametrize(
    "expression",
    [
        "sys.Label = 'Completed'",
        "SYS.label = 'Completed' and user.Colour = 'red'",
        "COLOUR = 'red'",
        "size >= 3 AND size < 4.5",
        "size + 1 * 2 = 5 AND -size = 0 - 3 AND size % 2 = 1 AND size / 2 = 1.5",
        "NOT size = 4",
        "size IN (1, 2, 3)",
        "colour NOT IN ('green')",
        "colour LIKE 'r_d' AND colour LIKE '%d' AND colour NOT LIKE '%x%'",
        "rate LIKE '100!%' ESCAPE '!'",
        "missing IS NULL AND colour IS NOT NULL",
        "EXISTS(colour) AND NOT EXISTS(missing)",
        "(colour = 'blue' OR size = 3) AND urgent = TRUE",
        "missing = 1 OR urgent = TRUE",
        "sys.MessageId = 'id-1' AND sys.CorrelationId = 'corr-1' AND sys.To = 'there'",
        "\"colour\" + '-' + [colour] = 'red-red'",
        "name = 'it''s'",
    ],
)
def test_sql_lets_through(expression: str) -> None:
    assert SqlFilter(expression)(message(colour="red", size=3, urgent=True, rate="100%", name="it's"))


@pytest.mark.parametrize(
    "expression",
    [
        "sys.Label = 'completed'",
        "missing = 1",
        "NOT missing = 1",
        "missing <> 1",
        "missing IN (1, 2)",
        "missing NOT IN (1, 2)",
        "missing LIKE '%'",
        "missing NOT LIKE '%'",
        "size = '3'",
        "size / 0 = 1",
        "colour > 1",
        "urgent = TRUE AND missing = 1",
        "NULL",
        "size",
    ],
)
def test_sql_keeps_out_what_is_false_or_unknown(expression: str) -> None:
    assert not SqlFilter(expression)(message(colour="red", size=3, urgent=True))


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "colour =",
        "colour = 'red",
        "colour NOT = 'red'",
        "(colour = 'red'",
        "colour = 'red' 'blue'",
        "sys.Nothing = 1",
        "other.colour = 1",
        "size IN ()",
        "colour = @colour",
        "colour IS 'red'",
        "a = 'x' OR " * 100 + "b = 1",
    ],
)
def test_what_is_no_sql_filter_is_refused_when_the_rule_is_written(expression: str) -> None:
    with pytest.raises(ValueError, match=r"SQL filter|property"):
        SqlFilter(expression)
