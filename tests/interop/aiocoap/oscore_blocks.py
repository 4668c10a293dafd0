# SPDX-License-Identifier: Apache-2.0
"""aiocoap as a client with OSCORE that sends a body in blocks and gets it back: URI CONTEXT-DIR LENGTH. Prints
"same" if it is what it was."""

import asyncio
import secrets
import sys

import aiocoap
from aiocoap.oscore import FilesystemSecurityContext


async def main(uri, folder, length):
    context = await aiocoap.Context.create_client_context()
    context.client_credentials[uri.split("/oscore")[0] + "/*"] = FilesystemSecurityContext(folder)
    body = secrets.token_bytes(length)
    answer = await context.request(aiocoap.Message(code=aiocoap.POST, uri=uri, payload=body)).response
    print("same" if answer.payload == body else f"{answer.code}, {len(answer.payload)} bytes")
    await context.shutdown()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
