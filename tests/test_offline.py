"""No test can reach the network, and none depends on it."""

import os
import socket

import pytest
from pytest_socket import SocketConnectBlockedError

DOCUMENTATION = ("192.0.2.1", 80)
"""An address that RFC 5737 keeps for examples: no host has it."""


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_other_hosts_are_refused() -> None:
    with pytest.raises(SocketConnectBlockedError):
        socket.create_connection(DOCUMENTATION, timeout=1)


def test_this_machine_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_hubs_of_models_are_told_to_stay_offline() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
