"""What a Prometheus may ask of a running center, over HTTP on loopback. Only here is prometheus_client known.

Where the figures come from must not be known here.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from contract.problems import Told, why


class Measure(NamedTuple):
    """`kind`: gauge or counter. `values`: label values -> figure; () for a measure without labels."""

    name: str
    text: str
    kind: str
    labels: Sequence[str]
    values: Mapping[tuple[str, ...], float]


class Unservable(Told):
    """No such thing can be served there."""


class Metrics:
    """Serves until closed. `ask` is called for every question, on the server's own thread. Raises Unservable."""

    def __init__(self, where: str, ask: Callable[[], Iterable[Measure]]) -> None:
        host, port = address(where)
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError as error:
            raise Unservable(
                f"--metrics: {error}; install canteen-agent[metrics]",
                f"--metrics：{error}；请安装 canteen-agent[metrics]",
            ) from error
        registry = CollectorRegistry()
        registry.register(_Collector(ask))
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise Unservable(*(f"--metrics {where}: {words}" for words in why(error))) from error
        self.port: int = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Collector:
    def __init__(self, ask: Callable[[], Iterable[Measure]]) -> None:
        self._ask = ask

    def describe(self) -> list[Any]:
        """Nothing is asked when it is registered."""
        return []

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for measure in self._ask():
            family = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
            told = family(measure.name, measure.text, labels=measure.labels)
            for labels, value in measure.values.items():
                told.add_metric(labels, value)
            yield told


def address(where: str) -> tuple[str, int]:
    """Loopback alone: how a province stands is told to nobody who is not on the machine."""
    host, _, port = where.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        fits = ipaddress.ip_address(host).is_loopback and port.isascii() and port.isdecimal() and 0 <= int(port) < 65536
    except ValueError:
        fits = False
    if not fits:
        raise Unservable(
            f"--metrics {where!r} is no port of loopback, such as 127.0.0.1:9417",
            f"--metrics {where!r} 不是本机回环地址的端口，例如 127.0.0.1:9417",
        )
    return host, int(port)
