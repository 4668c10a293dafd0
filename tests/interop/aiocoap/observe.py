# SPDX-License-Identifier: Apache-2.0
"""aiocoap as an observer: URI COUNT. A line for the first answer and for each notification."""

import asyncio
import sys

import aiocoap


async def main(uri, count):
    context = await aiocoap.Context.create_client_context()
    request = context.request(aiocoap.Message(code=aiocoap.GET, uri=uri, observe=0))
    print((await request.response).payload.decode(), flush=True)
    async for notification in request.observation:
        print(notification.payload.decode(), flush=True)
        count -= 1
        if count == 0:
            break
    request.observation.cancel()
    await context.shutdown()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
