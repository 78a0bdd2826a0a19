"""The embedded MQTT broker: amqtt in this process, on a listener for agents and one for ourselves.

The listener for ourselves is on loopback at a port of the kernel's choice, so that the aggregator's
own client needs neither the agents' password nor their TLS.
"""

from __future__ import annotations

import dataclasses
import hmac
import logging
import os
import secrets
from pathlib import Path

from amqtt.contexts import Action, BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from coalmine_aggregator.bounded_broker import OWN_LISTENER, BoundedBroker
from coalmine_runtime.logs import get_logger
from coalmine_runtime.settings import Address
from coalmine_wire.topics import parse_topic, parse_withdrawn_topic

_log = get_logger("broker")

_OWN_USER = "coalmine-aggregator"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listener:
    """Where agents connect, and the password they share; None lets anybody in."""

    address: Address
    password: str | None
    certificate: Path | None = None
    private_key: Path | None = None
    max_connections: int = 10_000


class BrokerStartError(Exception):
    """The broker cannot listen; says why in one line."""


class Passwords(BaseAuthPlugin):
    """Lets in agents, under whatever name, by the password they share, and ourselves by our own."""

    @dataclasses.dataclass
    class Config:
        """Who we are, and the passwords; None lets any agent in."""

        own_user: str
        own_password: str
        password: str | None = None

    async def authenticate(self, *, session: Session) -> bool | None:
        config: Passwords.Config = self.config
        given = (session.password or "").encode()
        if session.username == config.own_user:
            return hmac.compare_digest(config.own_password.encode(), given)
        session.is_anonymous = config.password is None
        return config.password is None or hmac.compare_digest(config.password.encode(), given)


class AgentsTopics(BaseTopicPlugin):
    """Agents may write births, states and reports, and read who is withdrawn from a service; only we
    may read what agents write, and write who is withdrawn."""

    @dataclasses.dataclass
    class Config:
        """The one user who reads all."""

        reader: str

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        config: AgentsTopics.Config = self.config
        if session is not None and session.username == config.reader:
            return True
        if topic is None:
            return False
        if action is Action.SUBSCRIBE:
            return parse_withdrawn_topic(topic) is not None
        return action is Action.PUBLISH and parse_topic(topic) is not None


class EmbeddedBroker:
    """Runs from `start` to `stop`. `own_url`, `own_user` and `own_password` are for our client."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._broker: BoundedBroker | None = None
        self.own_user = _OWN_USER
        self.own_password = secrets.token_urlsafe(32)
        self.own_url = ""
        self.port = 0

    async def start(self) -> None:
        """Listens. Raises `BrokerStartError`."""
        # Its log lines are written for its own developers; what matters reaches ours as errors.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        self._broker = BoundedBroker(self._config())
        self._broker.reader = self.own_user
        try:
            await self._broker.start()
        except (BrokerError, OSError) as error:
            # A broker that did not start cannot be shut down, and its first listener may stand.
            for server in self._broker._servers.values():
                await server.close_instance()
            self._broker = None
            cause = error.__cause__ or error
            reason = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else cause
            raise BrokerStartError(f"broker {self._listener.address}: {reason}") from None
        self.own_url = f"mqtt://127.0.0.1:{self._port(OWN_LISTENER)}"
        self.port = self._port("agents")
        _log.info(
            "broker.started", address=self._listener.address, tls=bool(self._listener.certificate)
        )

    async def stop(self) -> None:
        """Closes every connection."""
        if self._broker is not None:
            await self._broker.shutdown()
            await self._broker.end_of_serving()
            self._broker = None

    def _config(self) -> BrokerConfig:
        listener = self._listener
        plugins = {
            f"{__name__}.Passwords": {
                "own_user": self.own_user,
                "own_password": self.own_password,
                "password": listener.password,
            },
            f"{__name__}.AgentsTopics": {"reader": self.own_user},
        }
        config = BrokerConfig(
            listeners={OWN_LISTENER: ListenerConfig(bind="127.0.0.1:0"), "agents": ListenerConfig()},
            session_expiry_interval=3600,
            plugins=plugins,
        )
        # Set afterwards: what equals amqtt's defaults is otherwise replaced by the first listener's.
        agents = config.listeners["agents"]
        agents.bind = str(listener.address)
        agents.max_connections = listener.max_connections
        if listener.certificate is not None:
            agents.ssl = True
            agents.certfile = listener.certificate
            agents.keyfile = listener.private_key
        return config

    def _port(self, name: str) -> int:
        assert self._broker is not None
        server = self._broker._servers[name].instance
        port: int = next(iter(server.sockets)).getsockname()[1]
        return port
