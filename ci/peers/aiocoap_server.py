# SPDX-License-Identifier: MIT OR Apache-2.0
"""A CoAP server made with aiocoap, for our client: aiocoap_server.py PORT"""
import asyncio
import sys

import aiocoap
from aiocoap import resource

PATTERN = bytes(range(256))


def pattern(length):
    return (PATTERN * (length // 256 + 1))[:length]


class Echo(resource.Resource):
    """Says which method came and what it carried."""

    async def render(self, request):
        text = b"%s %d" % (str(request.code).encode(), len(request.payload))
        code = aiocoap.CONTENT if request.code in (aiocoap.GET, aiocoap.FETCH) else aiocoap.CHANGED
        if request.code == aiocoap.DELETE:
            code = aiocoap.DELETED
        return aiocoap.Message(code=code, payload=text)


class Stored(resource.Resource):
    def __init__(self):
        super().__init__()
        self.content = b""

    async def render_get(self, request):
        return aiocoap.Message(payload=self.content)

    async def render_put(self, request):
        self.content = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)


class Large(resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(payload=pattern(100_000))


class Separate(resource.Resource):
    async def render_get(self, request):
        await asyncio.sleep(1)
        return aiocoap.Message(payload=b"late")


class Counter(resource.ObservableResource):
    def __init__(self):
        super().__init__()
        self.count = 0
        asyncio.get_running_loop().create_task(self.tick())

    async def tick(self):
        while True:
            await asyncio.sleep(0.4)
            self.count += 1
            self.updated_state()

    async def render_get(self, request):
        return aiocoap.Message(payload=b"count %d" % self.count)


async def main():
    site = resource.Site()
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    for name, what in (("echo", Echo()), ("stored", Stored()), ("large", Large()), ("separate", Separate()), ("counter", Counter())):
        site.add_resource([name], what)
    await aiocoap.Context.create_server_context(site, bind=("::1", int(sys.argv[1])))
    print("ready", flush=True)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
