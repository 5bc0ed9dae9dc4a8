# SPDX-License-Identifier: MIT OR Apache-2.0
"""A CoAP client made with aiocoap, for our server: aiocoap_client.py CASE BASE_URI. Exit status 0 when all is as it should be."""
import asyncio
import sys

import aiocoap
from aiocoap import Message
from aiocoap.numbers import codes

base = sys.argv[2]
PATTERN = bytes(range(256))


async def ask(context, code, path, payload=b"", **options):
    request = Message(code=code, uri=base + path, payload=payload, **options)
    return await asyncio.wait_for(context.request(request).response, 120)


def check(condition, what):
    if not condition:
        sys.exit(f"not so: {what}")


async def methods(context):
    got = await ask(context, codes.GET, "/test")
    check(got.code == codes.CONTENT and got.payload, f"GET /test is 2.05 with a payload: {got}")
    made = await ask(context, codes.PUT, "/peer-dynamic", b"one")
    check(made.code == codes.CREATED, f"PUT of something new is 2.01: {made}")
    changed = await ask(context, codes.PUT, "/peer-dynamic", b"two")
    check(changed.code == codes.CHANGED, f"PUT of something there is 2.04: {changed}")
    got = await ask(context, codes.GET, "/peer-dynamic")
    check(got.payload == b"two", f"GET brings what was PUT: {got.payload}")
    gone = await ask(context, codes.DELETE, "/peer-dynamic")
    check(gone.code == codes.DELETED, f"DELETE is 2.02: {gone}")
    got = await ask(context, codes.GET, "/peer-dynamic")
    check(got.code == codes.NOT_FOUND, f"GET of what was deleted is 4.04: {got}")
    posted = await ask(context, codes.POST, "/test", b"x")
    check(posted.code.is_successful(), f"POST /test is 2.xx: {posted}")
    refused = await ask(context, codes.DELETE, "/.well-known/core")
    check(refused.code == codes.METHOD_NOT_ALLOWED, f"DELETE of /.well-known/core is 4.05: {refused}")


async def blockwise(context):
    body = (PATTERN * 400)[:100_000]
    put = await ask(context, codes.PUT, "/peer-big", body)
    check(put.code.is_successful(), f"PUT of 100 KB is 2.xx: {put}")
    got = await ask(context, codes.GET, "/peer-big")
    check(got.payload == body, f"GET brings the same 100 KB: {len(got.payload)} bytes")
    got = await ask(context, codes.GET, "/large")
    check(got.code == codes.CONTENT and len(got.payload) > 1024, f"/large is larger than a block: {len(got.payload)}")


async def observe(context):
    request = context.request(Message(code=codes.GET, uri=base + "/obs", observe=0))
    first = await asyncio.wait_for(request.response, 120)
    check(first.opt.observe is not None, "the first response has an Observe option")
    seen = []
    async with asyncio.timeout(120):
        async for notification in request.observation:
            seen.append(notification.opt.observe)
            if len(seen) == 2:
                break
    check(len(seen) == 2, f"two notifications: {seen}")
    request.observation.cancel()
    again = await ask(context, codes.GET, "/obs")
    check(again.opt.observe is None, "a plain GET has no Observe option")


async def separate(context):
    got = await ask(context, codes.GET, "/separate")
    check(got.code == codes.CONTENT, f"/separate answers: {got}")


async def discovery(context):
    got = await ask(context, codes.GET, "/.well-known/core")
    check(got.opt.content_format == 40 and b"</test>" in got.payload, f"the list has </test>: {got.payload[:200]}")
    got = await ask(context, codes.GET, "/.well-known/core?href=/test")
    check(b"</test>" in got.payload and b"</large>" not in got.payload, f"href filters: {got.payload[:200]}")
    got = await ask(context, codes.GET, "/.well-known/core?href=/link*")
    check(b"</link1>" in got.payload and b"</test>" not in got.payload, f"href with * filters: {got.payload[:200]}")


async def main():
    context = await aiocoap.Context.create_client_context()
    await globals()[sys.argv[1]](context)
    await context.shutdown()


asyncio.run(main())
