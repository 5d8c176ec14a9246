"""Serves localstripe on 127.0.0.1 at a port that it prints first; its own command listens everywhere and writes to /tmp."""
import socket

from aiohttp import web
from localstripe.resources import Subscription, store
from localstripe.server import app

type(store).dump_to_disk = lambda self: None
# It knows neither of how a change is invoiced nor of what becomes of one that cannot be paid.
update = Subscription._update
Subscription._update = lambda self, proration_behavior=None, payment_behavior=None, **rest: update(self, **rest)

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
web.run_app(app, sock=listener, print=None, access_log=None)
