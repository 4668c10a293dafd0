# SPDX-License-Identifier: Apache-2.0
"""aiocoap as a server on a free loopback port, which its first line tells.

    /hello      GET: a greeting
    /store      GET, PUT: what was put, of any length
    /counter    GET, observable: counts up each tenth of a second while somebody observes
    /separate   GET: later than an empty ACK"""

import asyncio

import aiocoap
from aiocoap import resource


class Hello(resource.Resource):
    async def render_get(self, _request):
        return aiocoap.Message(payload=b"Hello from aiocoap.")


class Store(resource.Resource):
    def __init__(self):
        super().__init__()
        self.content = b""

    async def render_get(self, _request):
        return aiocoap.Message(payload=self.content)

    async def render_put(self, request):
        self.content = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)


class Counter(resource.ObservableResource):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.timer = None

    def tick(self):
        self.count += 1
        self.updated_state()
        self.timer = asyncio.get_running_loop().call_later(0.1, self.tick)

    def update_observation_count(self, newcount):
        if newcount > 0 and self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(0.1, self.tick)
        elif newcount == 0 and self.timer is not None:
            self.timer.cancel()
            self.timer = None

    async def render_get(self, _request):
        return aiocoap.Message(payload=str(self.count).encode())


class Separate(resource.Resource):
    async def render_get(self, _request):
        await asyncio.sleep(1)  # aiocoap acknowledges after a tenth of that
        return aiocoap.Message(payload=b"later")


async def main():
    site = resource.Site()
    site.add_resource([".well-known", "core"],
                      resource.WKCResource(site.get_resources_as_linkheader))
    for name, what in (("hello", Hello()), ("store", Store()), ("counter", Counter()),
                       ("separate", Separate())):
        site.add_resource([name], what)
    context = await aiocoap.Context.create_server_context(
        site, bind=("127.0.0.1", 0), transports=["simplesocketserver"])
    own = context.request_interfaces[0].token_interface.message_interface
    print("listening", own._pool._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
