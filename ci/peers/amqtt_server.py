# SPDX-License-Identifier: MIT OR Apache-2.0
"""The broker amqtt on loopback: amqtt_server.py PORT. It keeps sessions and retained messages in memory."""
import asyncio
import logging
import signal
import sys

from amqtt.broker import Broker

# Whoever gives a user name is let in: sessions of others it does not keep.
CONFIG = {
    "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}},
}

# It gives up what is not acknowledged within 5 seconds (mqtt/protocol/handler.py), as long as it may take on a busy machine.
wait_for = asyncio.wait_for
asyncio.wait_for = lambda what, timeout: wait_for(what, 120 if timeout == 5 else timeout)


async def main():
    logging.basicConfig(level=logging.WARNING)
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    broker = Broker(CONFIG)
    await broker.start()
    await done.wait()
    await broker.shutdown()


asyncio.run(main())
