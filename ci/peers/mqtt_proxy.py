# SPDX-License-Identifier: MIT OR Apache-2.0
"""A TCP proxy for the MQTT fault tests: it cuts, delays and truncates where a seed says, can hold everything, and records what passed."""
import asyncio
import random
import socket
import struct


class Connection:
    """One connection of a client, and the proxy's own to the broker."""

    def __init__(self, proxy, number, client, broker):
        self.proxy, self.client, self.broker = proxy, client, broker
        self.random = random.Random(f"{proxy.seed}/{number}")
        # Bytes of both directions together until the cut.
        self.left = self.random.randint(*proxy.budget) if proxy.budget else None
        # What the client has written, what was passed on to the broker; the same of the other direction.
        self.up, self.up_passed, self.down, self.down_passed = bytearray(), 0, bytearray(), 0
        self.open = True

    async def pump(self, source, sink, up):
        try:
            while data := await source.read(self.random.choice((1, 7, 100, 4096, 65536))):
                (self.up if up else self.down).extend(data)
                if not up and self.proxy.holding:
                    continue  # the broker is emptied, the client sees nothing of it
                if up:
                    await self.proxy.gate.wait()
                if not self.open:
                    return
                cut = self.left is not None and len(data) >= self.left
                if cut:
                    data = data[: self.left]
                    self.proxy.cuts += 1
                elif self.left is not None:
                    self.left -= len(data)
                    if self.random.random() < 0.01:
                        await asyncio.sleep(self.random.random() * 0.02)
                if not self.open:
                    return
                if up:
                    data = data[: self.proxy.until_mark(len(data))]
                self.pass_on(sink, data, up)
                await sink.drain()
                if cut:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        self.close()

    def pass_on(self, sink, data, up):
        sink.write(data)
        if up:
            self.up_passed += len(data)
            self.proxy.passed(len(data))
        else:
            self.down_passed += len(data)

    def close(self, reset=None):
        """Ends both sides, in order or with a reset."""
        if not self.open:
            return
        self.open = False
        reset = self.random.random() < 0.5 if reset is None else reset
        for side in (self.client, self.broker):
            end = side[1]
            try:
                if reset:
                    end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.transport.abort()
                else:
                    end.close()
            except OSError:
                pass  # it has gone by itself

    def written(self):
        """Whether all that was passed on has left this process."""
        return not self.open or self.broker[1].transport.get_write_buffer_size() == 0


class Proxy:
    """Between clients and the broker at `target`. `budget` is the least and the most bytes of a connection; None never cuts."""

    def __init__(self, target, seed, budget=None):
        self.target, self.seed, self.budget = target, seed, budget
        self.connections, self.cuts, self.bytes_up = [], 0, 0
        self.gate, self.holding = asyncio.Event(), False
        self.gate.set()
        self.marks, self.tasks = [], set()

    async def start(self):
        self.server = await asyncio.start_server(self.accepted, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def accepted(self, reader, writer):
        """A client has come. What is not let through any more ends without a word."""
        self.tasks.add(asyncio.current_task())
        try:
            await self.carry(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()

    async def carry(self, reader, writer):
        await self.gate.wait()
        try:
            broker = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        for end in (writer, broker[1]):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, len(self.connections), (reader, writer), broker)
        self.connections.append(connection)
        await asyncio.gather(connection.pump(reader, broker[1], True), connection.pump(broker[0], writer, False))

    def until_mark(self, count):
        """How many of so many bytes may pass before everything is to be held."""
        return min(count, self.marks[0] - self.bytes_up) if self.marks else count

    def passed(self, count):
        self.bytes_up += count
        if self.marks and self.bytes_up >= self.marks[0]:
            del self.marks[0]
            self.hold()
            self.struck.set()

    def plan(self, marks, struck=None):
        """Holds everything when clients have sent so many bytes in all, to the byte, and sets `struck`. What is held is to be dropped."""
        self.marks = sorted(set(self.bytes_up + mark for mark in marks))
        self.struck = struck or asyncio.Event()

    def hold(self):
        self.holding = True
        self.gate.clear()

    def drop(self, chooser):
        """Ends what is held: the client gets some of what the broker had sent, up to any byte."""
        for connection in self.connections:
            if connection.open:
                held = bytes(connection.down[connection.down_passed :])
                connection.pass_on(connection.client[1], held[: chooser.randint(0, len(held))], False)
                connection.close(reset=False)

    def release(self):
        self.holding = False
        self.gate.set()

    async def end(self):
        """Ends all connections, and waits until nothing runs any more."""
        self.server.close()
        for connection in self.connections:
            connection.close(reset=True)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
